package ini

import (
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// Print writes the file: the sections that hold anything in a fixed order, the
// settings of each in theirs. [pgbouncer] is always there, because PgBouncer
// refuses a file without it. Parse reads back what was printed.
//
// It fails, with conf.Problems, for what the format cannot express: a name with
// other characters than letters, digits and _ . - *, a value with a line feed
// or a zero byte, or one that begins or ends with a blank.
func (f *File) Print() (string, error) {
	var b strings.Builder
	var problems conf.Problems
	for _, name := range sections {
		settings := f.section(name)
		if settings.Len() == 0 && name != PgBouncer {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("[" + name + "]\n")
		for one := range settings.All() {
			if message := unprintable(one); message != "" {
				problems = append(problems, conf.Problem{
					Line: one.Line, Section: name, Name: one.Name, Value: one.Value, Message: message,
				})
				continue
			}
			b.WriteString(strings.TrimRight(one.Name+" = "+one.Value, " ") + "\n")
		}
	}
	if len(problems) > 0 {
		return "", problems
	}
	return b.String(), nil
}

func unprintable(one conf.Setting) string {
	switch {
	case !isName(one.Name):
		return "PgBouncer cannot read this name: allowed are letters, digits and _ . - *"
	case strings.ContainsAny(one.Value, "\n\x00"):
		return "PgBouncer has no way to write a line feed or a zero byte in a value"
	case strings.Trim(one.Value, blank) != one.Value:
		return "PgBouncer drops blanks at the begin and end of a value"
	}
	return ""
}
