package ini

import (
	"fmt"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// ParseConn reads the value of a key in [databases], [peers] or [users]:
// `key=value` pairs separated by spaces, a value with spaces in single quotes,
// a quote inside written twice (src/loader.c, cstr_get_pair).
func ParseConn(text string) (*conf.Settings, error) {
	pairs := &conf.Settings{}
	for rest := strings.TrimLeft(text, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		key, after, found := strings.Cut(rest, "=")
		key = strings.TrimRight(key, " ")
		if !found || key == "" || strings.Contains(key, " ") {
			return nil, fmt.Errorf("expected key=value at %q", rest)
		}
		value, left, err := connValue(strings.TrimLeft(after, " "))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		pairs.Set(key, value)
		rest = left
	}
	return pairs, nil
}

func connValue(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, "'") {
		value, rest, _ = strings.Cut(text, " ")
		if value == "" {
			return "", "", fmt.Errorf("PgBouncer allows no empty value")
		}
		return value, rest, nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '\'':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case b.Len() == 0:
			return "", "", fmt.Errorf("PgBouncer allows no empty value")
		case i+1 < len(text) && text[i+1] != ' ':
			return "", "", fmt.Errorf("unexpected %q after the closing quote", text[i+1:])
		default:
			return b.String(), text[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("the quoted value has no closing quote")
}

// PrintConn writes pairs as the value of a key in [databases], [peers] or
// [users]. It fails for an empty value, which PgBouncer refuses, and for a key
// that is none.
func PrintConn(pairs *conf.Settings) (string, error) {
	var words []string
	for one := range pairs.All() {
		if one.Name == "" || strings.ContainsAny(one.Name, "= '\n\x00") {
			return "", fmt.Errorf("%q is not a key of a connection string", one.Name)
		}
		if one.Value == "" || strings.ContainsAny(one.Value, "\n\x00") {
			return "", fmt.Errorf("%s: PgBouncer has no way to write the value %q", one.Name, one.Value)
		}
		value := one.Value
		if strings.ContainsAny(value, " '\t\r\v\f") {
			value = "'" + strings.ReplaceAll(value, "'", "''") + "'"
		}
		words = append(words, one.Name+"="+value)
	}
	return strings.Join(words, " "), nil
}
