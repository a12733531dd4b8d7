package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

// Same implements layer.Knowledge: 1GB and 1024MB are the same, and on and true.
// Values that the server would refuse are the same only if spelled alike.
func (c *Catalog) Same(name, a, b string) bool {
	if a == b {
		return true
	}
	p, ok := c.Lookup(name)
	if !ok {
		return false
	}
	x, errA := p.normal(a)
	y, errB := p.normal(b)
	return errA == nil && errB == nil && x == y
}

// checkValue says what is wrong with a value, nil if nothing is.
func (c *Catalog) checkValue(p Parameter, value string) error {
	_, err := p.normal(value)
	switch {
	case err != nil:
		return err
	case p.family == "backend_flag":
		return c.checkFlags(value)
	case p.Kind == Int && c.readsByAtoi() && !digits.MatchString(value):
		return fmt.Errorf("must be a whole number in decimal digits")
	}
	return nil
}

// readsByAtoi: Pgpool-II 4.1 takes the digits a value begins with and drops the
// rest, so that 5min is 5 and 0x10 is 0; 4.2 brought PostgreSQL's rules.
func (c *Catalog) readsByAtoi() bool { return c.server == pgpoolServer() && !atLeast(c.version, 4, 2) }

var digits = regexp.MustCompile(`^-?[0-9]+$`)

// normal returns a spelling that all equal values share, or what is wrong.
func (p Parameter) normal(value string) (string, error) {
	switch p.Kind {
	case Bool:
		is, err := pgconf.ParseBool(value)
		return strconv.FormatBool(is), err
	case Int:
		n, err := pgconf.ParseInt(value, p.Unit)
		if err != nil {
			return "", err
		}
		return strconv.FormatInt(n, 10), p.inRange(float64(n))
	case CInt:
		return cInt(value)
	case Real, Time:
		return p.real(value)
	case Enum:
		return p.word(value)
	}
	return value, nil
}

// cInteger is what strtol takes with base 0; PgBouncer allows nothing after it.
var cInteger = regexp.MustCompile(`^[ \t]*[-+]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$`)

func cInt(value string) (string, error) {
	n, err := strconv.ParseInt(strings.TrimLeft(value, " \t"), 0, 64)
	if err != nil || !cInteger.MatchString(value) {
		return "", fmt.Errorf("must be a whole number; for on and off write 1 and 0")
	}
	return strconv.FormatInt(n, 10), nil
}

func (p Parameter) real(value string) (string, error) {
	number, err := pgconf.ParseReal(value, p.Unit)
	switch {
	case err != nil && p.Kind == Time:
		return "", fmt.Errorf("must be a number of seconds, without a unit")
	case err != nil:
		return "", err
	case p.Kind == Time && number < 0:
		return "", fmt.Errorf("must be a number of seconds, not negative")
	}
	return strconv.FormatFloat(number, 'g', -1, 64), p.inRange(number)
}

func (p Parameter) inRange(number float64) error {
	low, errLow := strconv.ParseFloat(p.Min, 64)
	high, errHigh := strconv.ParseFloat(p.Max, 64)
	if (errLow != nil || number >= low) && (errHigh != nil || number <= high) {
		return nil
	}
	unit := ""
	if p.Unit != "" {
		unit = fmt.Sprintf(", counted in units of %s", p.Unit)
	}
	return fmt.Errorf("is outside of the range %s to %s%s", p.Min, p.Max, unit)
}

func (p Parameter) word(value string) (string, error) {
	lower := strings.ToLower(value)
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, value) })
	}
	switch {
	case has(p.Values), p.HasDefault && value == p.Default: // the default may be no word at all
		return lower, nil
	case !has(p.hidden):
		return "", fmt.Errorf("must be one of: %s", strings.Join(p.Values, ", "))
	}
	if is, err := pgconf.ParseBool(value); err == nil && slices.Contains(p.Values, "on") {
		return map[bool]string{true: "on", false: "off"}[is], nil
	}
	return lower, nil
}

// checkFlags knows the words of Pgpool-II's backend_flagN, which are not in its
// table; 4.2 renamed ALWAYS_MASTER to ALWAYS_PRIMARY.
func (c *Catalog) checkFlags(value string) error {
	words := []string{"ALLOW_TO_FAILOVER", "DISALLOW_TO_FAILOVER", "ALWAYS_PRIMARY"}
	if !atLeast(c.version, 4, 2) {
		words[2] = "ALWAYS_MASTER"
	} else if value == "" {
		return nil
	}
	given := strings.Split(value, "|")
	for _, word := range given {
		if !slices.Contains(words, strings.TrimSpace(word)) {
			return fmt.Errorf("has the unknown flag %q; allowed, joined by |: %s", word, strings.Join(words, ", "))
		}
	}
	if slices.Contains(given, words[0]) && slices.Contains(given, words[1]) {
		return fmt.Errorf("cannot have both %s and %s", words[0], words[1])
	}
	return nil
}
