package pgconf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// Parse reads a whole file. Comments are dropped; a name that is set more
// than once is refused: the servers take the last value in silence, and who wrote
// the text hardly meant both. Directives that
// read other files (include, include_if_exists, include_dir) are refused: what
// they would read is neither validated nor the user's to choose.
//
// The error is of type conf.Problems and names every bad line, not only the
// first; the settings are nil then.
func Parse(d Dialect, text string) (*conf.Settings, error) {
	settings := New(d)
	var problems conf.Problems
	for i, line := range strings.Split(text, "\n") {
		one, ok, message := d.parseLine(line)
		switch {
		case message != "":
			problems = append(problems, conf.Problem{Line: i + 1, Text: strings.TrimSpace(line), Message: message})
		case ok:
			one.Line = i + 1
			if first, twice := settings.Lookup(one.Name); twice {
				problems = append(problems, conf.Problem{Line: one.Line, Name: one.Name, Value: one.Value,
					Message: fmt.Sprintf("is set twice, here and in line %d; remove one of them", first.Line)})
				continue
			}
			settings.Add(one)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return settings, nil
}

// parseLine reads one line: a setting (ok), nothing (not ok), or the message
// of what is wrong with it.
func (d Dialect) parseLine(line string) (one conf.Setting, ok bool, message string) {
	if strings.ContainsRune(line, 0) {
		return one, false, "contains a zero byte"
	}
	kind, name, rest := d.next(line)
	switch {
	case kind == tokenEnd:
		return one, false, ""
	case kind == tokenQualifiedName && d == PostgreSQL, kind == tokenName:
	case kind == tokenUnquoted && d == PostgreSQL && strings.ContainsAny(name, "-./:"):
		return one, false, fmt.Sprintf("%q is not a parameter name", name)
	default:
		return one, false, "expected: name = value"
	}
	if slices.Contains(d.includes(), conf.FoldName(name)) {
		return one, false, fmt.Sprintf("%q is not allowed here: put the settings themselves into this text", name)
	}
	kind, value, rest := d.next(rest)
	if kind == tokenEquals {
		kind, value, rest = d.next(rest)
	}
	value, message = d.value(kind, value)
	if message != "" {
		return one, false, message
	}
	if after, extra, _ := d.next(rest); after != tokenEnd {
		return one, false, d.trailing(kind, extra)
	}
	return conf.Setting{Name: name, Value: value}, true, ""
}

// includes are the names that read other files. Pgpool-II has only one;
// PostgreSQL compares them without case.
func (d Dialect) includes() []string {
	if d == Pgpool {
		return []string{"include"}
	}
	return []string{"include", "include_if_exists", "include_dir"}
}

func (d Dialect) value(kind token, text string) (value, message string) {
	switch kind {
	case tokenString:
		if d == Pgpool {
			return text[1 : len(text)-1], ""
		}
		value = unescape(text[1 : len(text)-1])
		if strings.ContainsRune(value, 0) {
			return "", "the value contains a zero byte"
		}
		return value, ""
	case tokenName, tokenUnquoted, tokenInteger, tokenReal, tokenStar:
		return text, ""
	case tokenEnd:
		return "", "the value is missing (an empty one is written '')"
	}
	if strings.HasPrefix(text, "'") {
		return "", "the quoted value does not end on its line"
	}
	return "", "the value must stand in single quotes"
}

// trailing words what is wrong with text after a complete setting.
func (d Dialect) trailing(kind token, extra string) string {
	if kind != tokenString {
		return fmt.Sprintf("unexpected %q after the value: a value with spaces or special characters must stand in single quotes", extra)
	}
	if d == Pgpool && strings.HasPrefix(extra, "'") {
		return "Pgpool-II has no way to write a single quote inside a value"
	}
	return fmt.Sprintf("unexpected %q after the value: one setting per line", extra)
}

// unescape undoes the escapes of a quoted PostgreSQL value, as guc-file.l's
// DeescapeQuotedString does: backslash with b, f, n, r, t or up to three octal
// digits, otherwise the character itself; two quotes for one.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			if simple := strings.IndexByte("bfnrt", text[i]); simple >= 0 {
				b.WriteByte("\b\f\n\r\t"[simple])
				continue
			}
			if n := octalLength(text[i:]); n > 0 {
				b.WriteByte(octalValue(text[i : i+n]))
				i += n - 1
				continue
			}
			b.WriteByte(text[i])
		case c == '\'':
			i++ // the scanner leaves quotes only in pairs
			b.WriteByte('\'')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func octalLength(text string) int {
	n := 0
	for n < len(text) && n < 3 && '0' <= text[n] && text[n] <= '7' {
		n++
	}
	return n
}

func octalValue(digits string) byte {
	var v byte
	for i := range len(digits) {
		v = v<<3 + digits[i] - '0'
	}
	return v
}
