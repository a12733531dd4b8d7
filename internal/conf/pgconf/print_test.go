package pgconf_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

func TestPrintQuotesOnlyWhereNeeded(t *testing.T) {
	t.Parallel()
	s := pgconf.New(pgconf.PostgreSQL)
	for _, pair := range [][2]string{
		{"port", "5432"}, {"work_mem", "4MB"}, {"random_page_cost", "1.1"}, {"autovacuum_naptime", "-1"}, {"ssl", "on"},
		{"log_statement", ""}, {"listen_addresses", "*"}, {"archive_command", `cp '%p' "/x\y"`}, {"a.b", "x y"}, {"two", "a\nb\rc"},
		{"since", "2020-01-01"}, {"sci", "1e5"}, {"octal", "0700"},
	} {
		s.Set(pair[0], pair[1])
	}
	got, err := pgconf.Print(pgconf.PostgreSQL, s)
	want := `port = 5432
work_mem = 4MB
random_page_cost = 1.1
autovacuum_naptime = -1
ssl = on
log_statement = ''
listen_addresses = '*'
archive_command = 'cp ''%p'' "/x\\y"'
a.b = 'x y'
two = 'a\nb\rc'
since = '2020-01-01'
sci = '1e5'
octal = 0700
`
	if err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestPrintNamesEverythingItCannotExpress(t *testing.T) {
	t.Parallel()
	s := pgconf.New(pgconf.Pgpool)
	for i, pair := range [][2]string{{"fine", "a b"}, {"quote", "it's"}, {"lines", "a\nb"}, {"a.b", "1"}, {"a b", "1"}, {"", "1"}, {"zero", "\x00"}} {
		s.Add(conf.Setting{Name: pair[0], Value: pair[1], Line: i})
	}
	text, err := pgconf.Print(pgconf.Pgpool, s)
	var problems conf.Problems
	if text != "" || !errors.As(err, &problems) || len(problems) != 6 {
		t.Fatalf("got %q, %v", text, err)
	}
	for i, word := range []string{"single quote", "line feed", `"a.b" is not`, `"a b" is not`, `"" is not`, "zero byte"} {
		if problems[i].Line != i+1 || !strings.Contains(problems[i].Message, word) {
			t.Errorf("got %s", problems[i])
		}
	}
}

func TestPgpoolValuesKeepTheirBackslashes(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`C:\dir\`, `a\'b`, `\\`, `regex\d+`, `%d %h "x"`} {
		s := pgconf.New(pgconf.Pgpool, conf.Setting{Name: "a", Value: value}, conf.Setting{Name: "b", Value: "c d"})
		text, err := pgconf.Print(pgconf.Pgpool, s)
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		if back, err := pgconf.Parse(pgconf.Pgpool, text); err != nil || !back.Equal(s) {
			t.Errorf("%s: %s read as %v, %v", value, text, back, err)
		}
	}
}

// What can be printed is read back as it was, and printed the same again.
func FuzzPrintedSettingsAreReadBack(f *testing.F) {
	for _, seed := range []string{"", "a", "it's", `\`, `a\`, `\'`, "x\ny", "a b", "0x1G", "é", "\xff", "'", "''", "#", "on # x", "1.5GB", "\r", "\t "} {
		f.Add("name", seed, "other")
	}
	f.Fuzz(func(t *testing.T, name, first, second string) {
		for _, d := range dialects {
			s := pgconf.New(d)
			s.Set(name, first)
			s.Set("other", second)
			text, err := pgconf.Print(d, s)
			if err != nil {
				continue
			}
			back, err := pgconf.Parse(d, text)
			if err != nil || !back.Equal(s) {
				t.Fatalf("%s: %q was read as %v, %v", d, text, back, err)
			}
			if again, err := pgconf.Print(d, back); err != nil || again != text {
				t.Fatalf("%s: %q became %q, %v", d, text, again, err)
			}
		}
	})
}

// Whatever is accepted can be printed, and means the same then.
func FuzzAcceptedTextIsPrinted(f *testing.F) {
	for _, seed := range []string{
		"a = 1", "a = 'b''c'", `a = 'b\'c'`, `a = '\101'`, "a b # c", "a.b = 'x'", "a=*", "é = 'ü'", "a = '\\000'", "a = \xff", "A=1\na=2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range dialects {
			s, err := pgconf.Parse(d, text)
			if err != nil {
				continue
			}
			printed, err := pgconf.Print(d, s)
			if err != nil {
				t.Fatalf("%s: %q was accepted and cannot be printed: %v", d, text, err)
			}
			if back, err := pgconf.Parse(d, printed); err != nil || !back.Equal(s) {
				t.Fatalf("%s: %q was printed as %q and read as %v, %v", d, text, printed, back, err)
			}
		}
	})
}
