package pgconf_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

var dialects = []pgconf.Dialect{pgconf.PostgreSQL, pgconf.Pgpool}

func list(s *conf.Settings) []conf.Setting {
	var all []conf.Setting
	for one := range s.All() {
		all = append(all, one)
	}
	return all
}

func TestParseReadsWhatBothServersRead(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{
		"# a comment",
		"port = 5432",
		"  log_connections on   # the equals sign is optional\r",
		"\tlisten_addresses='*, # ::1'# quoted",
		"",
		"threshold=-1.5e3",
		"empty = ''",
		"weight = .5",
		"path = a/b.c:d-e",
		"mode = 0xFF",
		"period = 10min",
		"été = ü",
	}, "\n")
	want := []conf.Setting{
		{Name: "port", Value: "5432", Line: 2},
		{Name: "log_connections", Value: "on", Line: 3},
		{Name: "listen_addresses", Value: "*, # ::1", Line: 4},
		{Name: "threshold", Value: "-1.5e3", Line: 6},
		{Name: "empty", Value: "", Line: 7},
		{Name: "weight", Value: ".5", Line: 8},
		{Name: "path", Value: "a/b.c:d-e", Line: 9},
		{Name: "mode", Value: "0xFF", Line: 10},
		{Name: "period", Value: "10min", Line: 11},
		{Name: "été", Value: "ü", Line: 12},
	}
	for _, d := range dialects {
		got, err := pgconf.Parse(d, text)
		if err != nil {
			t.Errorf("%s: %v", d, err)
			continue
		}
		if diff := cmp.Diff(want, list(got)); diff != "" {
			t.Errorf("%s: %s", d, diff)
		}
	}
}

func TestParseUndoesTheQuotingOfItsServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, quoted  string
		dialect         pgconf.Dialect
		want, notParsed string
	}{
		{reason: "two quotes are one", quoted: `'it''s'`, dialect: pgconf.PostgreSQL, want: `it's`},
		{reason: "a backslash escapes", quoted: `'a\'b\\c\nd\te\101\0601'`, dialect: pgconf.PostgreSQL, want: "a'b\\c\nd\teA01"},
		{reason: "a backslash before another letter is dropped", quoted: `'\a\8'`, dialect: pgconf.PostgreSQL, want: "a8"},
		{reason: "Pgpool-II keeps backslashes", quoted: `'a\'b\n'`, dialect: pgconf.Pgpool, want: `a\'b\n`},
		{reason: "Pgpool-II takes the longest quoted text of a line", quoted: `'a\' # it's'`, dialect: pgconf.Pgpool, notParsed: "'s'"},
		{reason: "a value may end in a backslash in Pgpool-II", quoted: `'a\'`, dialect: pgconf.Pgpool, want: `a\`},
		{reason: "and may not in PostgreSQL, where it escapes the quote", quoted: `'a\'`, dialect: pgconf.PostgreSQL, notParsed: "does not end on its line"},
	} {
		got, err := pgconf.Parse(test.dialect, "name = "+test.quoted)
		if test.notParsed != "" {
			if err == nil || !strings.Contains(err.Error(), test.notParsed) {
				t.Errorf("%s: %v", test.reason, err)
			}
			continue
		}
		if value, _ := got.Get("name"); err != nil || value != test.want {
			t.Errorf("%s: got %q, %v", test.reason, value, err)
		}
	}
}

func TestParseNamesEveryBadLine(t *testing.T) {
	t.Parallel()
	_, err := pgconf.Parse(pgconf.PostgreSQL, "port = 1\n= 2\nwork_mem = 1 GB\nssl = on")
	var problems conf.Problems
	if !errors.As(err, &problems) || len(problems) != 2 || problems[0].Line != 2 || problems[1].Line != 3 {
		t.Fatalf("got %v", err)
	}
	if want := `line 3: "work_mem = 1 GB": unexpected "GB" after the value: a value with spaces or special characters must stand in single quotes`; problems[1].String() != want {
		t.Errorf("got %s", problems[1])
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	both := dialects
	postgres, pgpool := dialects[:1], dialects[1:]
	for _, test := range []struct {
		reason, line, message string
		dialects              []pgconf.Dialect
	}{
		{"nothing but a value", "'x'", "expected: name = value", both},
		{"a number for a name", "5 = x", "expected: name = value", both},
		{"a name with a dash", "a-b = x", "a-b", postgres},
		{"a name with a dash", "a-b = x", "expected: name = value", pgpool},
		{"a name with a dot, which only PostgreSQL has", "a.b = x", "expected: name = value", pgpool},
		{"a comment in the style of C", "// a comment", "expected: name = value", both},
		{"a missing value, for which Pgpool-II would take the line feed", "port =", "the value is missing", both},
		{"a missing value before a comment", "port # 5", "the value is missing", both},
		{"two equals signs", "port == 5", "single quotes", both},
		{"an open quote", "path = 'a", "does not end on its line", both},
		{"an unquoted path", "path = /tmp", "single quotes", both},
		{"an unquoted list", "names = a, b", `unexpected`, both},
		{"a fraction with a unit", "size = 1.5GB", `unexpected "GB"`, both},
		{"a bare address", "address = 10.0.0.1", `unexpected ".0"`, both},
		{"two settings in a line, which Pgpool-II would accept", "a = 'b' c = 'd'", "one setting per line", both},
		{"two quotes for one, which Pgpool-II does not know", "a = 'it''s'", "no way to write a single quote", pgpool},
		{"a value with a single dot, which PostgreSQL takes for a name", "value = a.b", "single quotes", postgres},
		{"a star, which only Pgpool-II takes", "listen_addresses = *", "single quotes", postgres},
		{"a zero byte", "a = 'b\x00'", "zero byte", both},
		{"include", "include = 'x'", "not allowed here", both},
		{"include without an equals sign", "include 'x'", "not allowed here", both},
		{"include in capitals", "Include 'x'", "not allowed here", postgres},
		{"include_if_exists", "include_if_exists 'x'", "not allowed here", postgres},
		{"include_dir", "INCLUDE_DIR 'x'", "not allowed here", postgres},
	} {
		for _, d := range test.dialects {
			got, err := pgconf.Parse(d, "ok = 1\n"+test.line+"\n")
			var problems conf.Problems
			if got != nil || !errors.As(err, &problems) || len(problems) != 1 {
				t.Errorf("%s (%s): got %v, %v", test.reason, d, got, err)
				continue
			}
			if p := problems[0]; p.Line != 2 || p.Text != test.line || !strings.Contains(p.Message, test.message) {
				t.Errorf("%s (%s): got %s", test.reason, d, p)
			}
		}
	}
}

func TestParseTakesWhatOneServerTakes(t *testing.T) {
	t.Parallel()
	got, err := pgconf.Parse(pgconf.PostgreSQL, "my.ext = 4\nTimeZone = utc\nvalue = a.b.c")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"MY.EXT": "4", "timezone": "utc", "value": "a.b.c"} {
		if value, _ := got.Get(name); value != want {
			t.Errorf("%s: got %q", name, value)
		}
	}
	// KubeDB's own text has it unquoted, and Pgpool-II takes it by accident.
	got, err = pgconf.Parse(pgconf.Pgpool, "listen_addresses=*\nIncluded = 1")
	if value, _ := got.Get("listen_addresses"); err != nil || value != "*" {
		t.Errorf("got %q, %v", value, err)
	}
	if got.Has("included") {
		t.Error("Pgpool-II compares names with case")
	}
}

func TestParsingNothingGivesNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n\n", "# only a comment", " \t\r\n"} {
		if got, err := pgconf.Parse(pgconf.PostgreSQL, text); err != nil || got.Len() != 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestAParameterThatIsSetTwiceIsRefusedWithBothLines(t *testing.T) {
	t.Parallel()
	_, err := pgconf.Parse(pgconf.PostgreSQL, "work_mem = 1MB\n\nWORK_MEM = 2MB\n")
	if err == nil || !strings.Contains(err.Error(), `line 3: WORK_MEM = "2MB": is set twice, here and in line 1`) {
		t.Errorf("got %v", err)
	}
	if _, err := pgconf.Parse(pgconf.Pgpool, "port = 1\nPort = 2\n"); err != nil {
		t.Errorf("to Pgpool-II these are two names: %v", err)
	}
}
