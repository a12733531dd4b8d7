package pgconf_test

import (
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

func TestBooleansHaveManySpellings(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"on": true, "ON": true, "true": true, "t": true, "tr": true, "yes": true, "y": true, "1": true,
		"off": false, "of": false, "Off": false, "false": false, "f": false, "no": false, "n": false, "0": false,
	} {
		if got, err := pgconf.ParseBool(value); err != nil || got != want {
			t.Errorf("%s: got %v, %v", value, got, err)
		}
	}
	for _, value := range []string{"", "o", "2", "10", "truth", "enabled", " on", "yess"} {
		if got, err := pgconf.ParseBool(value); err == nil {
			t.Errorf("%q was taken for %v", value, got)
		}
	}
}

func TestWholeNumbersCountInTheirUnit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value, unit string
		want        int64
	}{
		{"10", "", 10}, {"-1", "", -1}, {"+7", "", 7}, {"0x1F", "", 31}, {"0777", "", 511}, {" 5 ", "", 5}, {"1e3", "", 1000}, {"2.5", "", 2}, {"3.5", "", 4},
		{"64", "kB", 64}, {"64kB", "kB", 64}, {"1GB", "kB", 1 << 20}, {"1GB", "8kB", 131072}, {"1.5GB", "MB", 1536}, {"1TB", "MB", 1 << 20},
		{"1024B", "kB", 1}, {"8192B", "8kB", 1}, {"30.1GB", "MB", 30822}, {"1 MB", "kB", 1024}, {"0", "8kB", 0}, {"-1", "kB", -1},
		{"2min", "s", 120}, {"1d", "min", 1440}, {"1h", "ms", 3600000}, {"500ms", "s", 0}, {"1500ms", "s", 2}, {"1000us", "ms", 1}, {"90s", "min", 2},
	} {
		if got, err := pgconf.ParseInt(test.value, test.unit); err != nil || got != test.want {
			t.Errorf("%s in %s: got %d, %v, want %d", test.value, test.unit, got, err, test.want)
		}
	}
}

func TestNumbersThatAreNone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ value, unit, message string }{
		{"", "", "must be a whole number"}, {"ten", "", "must be a whole number"}, {"ten", "kB", "such as 64MB"}, {"ten", "s", "such as 30s"},
		{"10MB", "", `without a unit, not followed by "MB"`}, {"10X", "kB", `has the unit "X"; allowed are TB, GB, MB, kB, B`},
		{"10mb", "kB", `has the unit "mb"`}, {"10s", "kB", `has the unit "s"`}, {"10MB", "s", "allowed are d, h, min, s, ms, us"},
		{"0800", "", `not followed by "800"`}, {"1e30", "", "too large"}, {"1 2", "", `not followed by "2"`}, {"0x", "", `not followed by "x"`},
	} {
		if got, err := pgconf.ParseInt(test.value, test.unit); err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%q in %q: got %d, %v", test.value, test.unit, got, err)
		}
	}
	for _, value := range []string{"", "x", ".", "NaN", "Infinity", "1.5MB"} {
		if got, err := pgconf.ParseReal(value, ""); err == nil {
			t.Errorf("%q was taken for %v", value, got)
		}
	}
}

func TestRealNumbersKeepTheirFraction(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value, unit string
		want        float64
	}{
		{"0x10", "", 16}, {"0.5", "", 0.5}, {"1e-2", "", 0.01}, {".25", "", 0.25}, {"3", "", 3}, {"2ms", "ms", 2}, {"500us", "ms", 0.5}, {"1s", "ms", 1000},
	} {
		if got, err := pgconf.ParseReal(test.value, test.unit); err != nil || got != test.want {
			t.Errorf("%s in %s: got %v, %v", test.value, test.unit, got, err)
		}
	}
}

func TestFormatIntTakesTheLargestWholeUnit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		number int64
		unit   string
		want   string
	}{
		{131072, "8kB", "1GB"}, {2520, "kB", "2520kB"}, {1536, "MB", "1536MB"}, {300, "s", "5min"}, {1500, "ms", "1500ms"},
		{-1, "kB", "-1"}, {0, "s", "0"}, {42, "", "42"}, {2, "8kB", "16kB"},
	} {
		got := pgconf.FormatInt(test.number, test.unit)
		if got != test.want {
			t.Errorf("%d of %s: got %s, want %s", test.number, test.unit, got, test.want)
		}
		if back, err := pgconf.ParseInt(got, test.unit); err != nil || back != test.number {
			t.Errorf("%s of %s was read as %d, %v", got, test.unit, back, err)
		}
	}
}
