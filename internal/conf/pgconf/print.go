package pgconf

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// Print writes settings as a file, one `name = value` per line in their order;
// the same settings give the same text. Parse reads back what was printed.
//
// It fails, with conf.Problems, for what the dialect cannot express: a name
// that is none, a zero byte, and for Pgpool-II a quote or a line feed inside a
// value.
func Print(d Dialect, settings *conf.Settings) (string, error) {
	var b strings.Builder
	var problems conf.Problems
	for one := range settings.All() {
		line, err := d.printLine(one)
		if err != nil {
			problems = append(problems, conf.Problem{Line: one.Line, Name: one.Name, Value: one.Value, Message: err.Error()})
			continue
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	if len(problems) > 0 {
		return "", problems
	}
	return b.String(), nil
}

func (d Dialect) printLine(one conf.Setting) (string, error) {
	kind, text, rest := d.next(one.Name)
	if text != one.Name || rest != "" || kind != tokenName && (kind != tokenQualifiedName || d == Pgpool) {
		return "", fmt.Errorf("%q is not a parameter name", one.Name)
	}
	value, err := Quote(d, one.Value)
	if err != nil {
		return "", err
	}
	return one.Name + " = " + value, nil
}

// bare is what is written without quotes: whole numbers, with a unit or not,
// and plain words.
var bare = regexp.MustCompile(`^(?:-?[0-9]+[a-zA-Z]*|-?[0-9]+\.[0-9]+|[a-zA-Z][a-zA-Z0-9_]*)$`)

// Quote writes one value as it stands in the file: bare where that is safe and
// usual (100, 4MB, on), otherwise in single quotes.
func Quote(d Dialect, value string) (string, error) {
	switch {
	case bare.MatchString(value):
		return value, nil
	case strings.ContainsRune(value, 0):
		return "", fmt.Errorf("a value cannot contain a zero byte")
	case d == Pgpool:
		return quotePgpool(value)
	}
	return "'" + escapes.Replace(value) + "'", nil
}

var escapes = strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`, "\r", `\r`)

// quotePgpool relies on the scanner, which ends a value at the last quote of
// the line that is not the first one to lack a backslash, and leaves the
// backslashes in the value.
func quotePgpool(value string) (string, error) {
	quoted := "'" + value + "'"
	if kind, text, rest := Pgpool.next(quoted); strings.Contains(value, "\n") || kind != tokenString || text != quoted || rest != "" {
		return "", fmt.Errorf("Pgpool-II has no way to write a single quote or a line feed inside a value")
	}
	return quoted, nil
}
