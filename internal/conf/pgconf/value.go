package pgconf

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// ParseBool reads a boolean as both servers do: true, false, yes, no, on, off
// or an unambiguous beginning of one, in any case, or 1 or 0.
func ParseBool(value string) (bool, error) {
	lower := strings.ToLower(value)
	switch lower {
	case "1", "on":
		return true, nil
	case "0", "of", "off":
		return false, nil
	}
	for word, is := range map[string]bool{"true": true, "yes": true, "false": false, "no": false} {
		if lower != "" && strings.HasPrefix(word, lower) {
			return is, nil
		}
	}
	return false, errors.New(`must be a boolean: on or off`)
}

// units of one dimension, from large to small, as multiples of the smallest.
type unit struct {
	name  string
	times float64
}

var (
	memory = []unit{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}}
	times  = []unit{{"d", 86400e6}, {"h", 3600e6}, {"min", 60e6}, {"s", 1e6}, {"ms", 1e3}, {"us", 1}}
)

// The beginning of a number: whole (decimal, hexadecimal, octal) or not.
var (
	whole    = regexp.MustCompile(`^[ \t\r\n\v\f]*[-+]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)`)
	fraction = regexp.MustCompile(`^[ \t\r\n\v\f]*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?`)
)

// ParseInt reads a whole number that a bare value of base would count: "1GB"
// with base "8kB" is 131072, "2min" with base "s" is 120. Without a base no unit
// is allowed. A fraction is rounded, after a unit to a whole number of the next
// smaller unit. These are the rules of parse_int in src/backend/utils/misc/guc.c.
func ParseInt(value, base string) (int64, error) {
	number, rest, err := leading(value, true)
	if err != nil {
		return 0, errors.New("must be a whole number" + example(base))
	}
	number, err = inBase(number, rest, base)
	if err != nil {
		return 0, err
	}
	number = math.RoundToEven(number)
	if number >= math.MaxInt64 || number <= math.MinInt64 {
		return 0, errors.New("is too large a number")
	}
	return int64(number), nil
}

// ParseReal reads a number that may have a fraction, with units as ParseInt.
func ParseReal(value, base string) (float64, error) {
	number, rest, err := leading(value, false)
	if err != nil {
		return 0, errors.New("must be a number" + example(base))
	}
	return inBase(number, rest, base)
}

// blank is what isspace of the C library skips.
const blank = " \t\r\n\v\f"

// leading splits value into the number it begins with and the rest.
func leading(value string, integer bool) (number float64, rest string, err error) {
	if text := whole.FindString(value); text != "" && (integer || strings.ContainsAny(text, "xX")) {
		rest = value[len(text):]
		n, err := strconv.ParseInt(strings.TrimLeft(text, blank), 0, 64)
		if err == nil && (rest == "" || !strings.Contains(".eE", rest[:1])) {
			return float64(n), rest, nil
		}
	}
	text := fraction.FindString(value)
	number, err = strconv.ParseFloat(strings.TrimLeft(text, blank), 64)
	return number, value[len(text):], err
}

// inBase turns a number with the unit in rest into a number of base units.
func inBase(number float64, rest, base string) (float64, error) {
	name := strings.TrimLeft(rest, blank)
	if name == "" {
		return number, nil
	}
	if base == "" {
		return 0, fmt.Errorf("must be a number without a unit, not followed by %q", name)
	}
	units, each := dimension(base)
	for i, u := range units {
		if u.name != name {
			continue
		}
		number *= u.times / each
		if i+1 < len(units) {
			smaller := units[i+1].times / each
			number = math.RoundToEven(number/smaller) * smaller
		}
		return number, nil
	}
	names := make([]string, 0, len(units))
	for _, u := range units {
		names = append(names, u.name)
	}
	return 0, fmt.Errorf("has the unit %q; allowed are %s", name, strings.Join(names, ", "))
}

// dimension finds the units that go with base and the size of base, such as
// "8kB", in the smallest of them.
func dimension(base string) (units []unit, each float64) {
	digits := len(base) - len(strings.TrimLeft(base, "0123456789"))
	count := 1.0
	if digits > 0 {
		count, _ = strconv.ParseFloat(base[:digits], 64)
	}
	for _, units := range [][]unit{memory, times} {
		for _, u := range units {
			if u.name == base[digits:] {
				return units, count * u.times
			}
		}
	}
	panic("pgconf: no such unit: " + base)
}

func example(base string) string {
	if base == "" {
		return ""
	}
	units, _ := dimension(base)
	if units[0] == memory[0] {
		return ", with a unit such as 64MB if you like"
	}
	return ", with a unit such as 30s if you like"
}

// FormatInt writes a number of base units with the largest unit that leaves a
// whole number: 131072 with base "8kB" is "1GB".
func FormatInt(number int64, base string) string {
	if base == "" || number <= 0 {
		return strconv.FormatInt(number, 10)
	}
	units, each := dimension(base)
	for _, u := range units {
		count := float64(number) * each / u.times
		if count >= 1 && count == math.Trunc(count) {
			return strconv.FormatFloat(count, 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatInt(number, 10)
}
