package ini_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
)

func TestParseConnReadsPairs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]conf.Setting{
		"":                              nil,
		"  ":                            nil,
		"host=db port=5432":             {{Name: "host", Value: "db"}, {Name: "port", Value: "5432"}},
		" host = db ":                   {{Name: "host", Value: "db"}},
		"password='it''s a = x' user=u": {{Name: "password", Value: "it's a = x"}, {Name: "user", Value: "u"}},
		"a=b'c":                         {{Name: "a", Value: "b'c"}},
		"host=a host=b":                 {{Name: "host", Value: "b"}},
	} {
		got, err := ini.ParseConn(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, list(got)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestParseConnRefusesWhatPgBouncerRefuses(t *testing.T) {
	t.Parallel()
	for text, message := range map[string]string{
		"host":              `expected key=value at "host"`,
		"host db=x":         "expected key=value",
		"=x":                "expected key=value",
		"host=":             "host: PgBouncer allows no empty value",
		"host='' port=1":    "host: PgBouncer allows no empty value",
		"host='a":           "host: the quoted value has no closing quote",
		"host='a'b port=1":  `host: unexpected "b port=1" after the closing quote`,
		"port=1 password='": "password: the quoted value has no closing quote",
	} {
		if got, err := ini.ParseConn(text); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestPrintConnQuotesOnlyWhereNeeded(t *testing.T) {
	t.Parallel()
	pairs := conf.NewSettings(conf.ExactCase,
		conf.Setting{Name: "host", Value: "db"}, conf.Setting{Name: "password", Value: "it's secret"}, conf.Setting{Name: "connect_query", Value: "select 1"})
	if got, err := ini.PrintConn(pairs); err != nil || got != "host=db password='it''s secret' connect_query='select 1'" {
		t.Errorf("got %s, %v", got, err)
	}
	for _, bad := range []conf.Setting{{Name: "", Value: "x"}, {Name: "a b", Value: "x"}, {Name: "a=b", Value: "x"}, {Name: "host"}, {Name: "host", Value: "a\nb"}} {
		if got, err := ini.PrintConn(conf.NewSettings(conf.ExactCase, bad)); err == nil {
			t.Errorf("%+v was written as %s", bad, got)
		}
	}
}

func FuzzPrintedPairsAreReadBack(f *testing.F) {
	for _, seed := range []string{"a", "it's", "'", "a b", "=", " x", "\t", "x'y z'"} {
		f.Add("key", seed)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		pairs := conf.NewSettings(conf.ExactCase, conf.Setting{Name: key, Value: value}, conf.Setting{Name: "other", Value: "x y"})
		text, err := ini.PrintConn(pairs)
		if err != nil {
			return
		}
		back, err := ini.ParseConn(text)
		if err != nil || !back.Equal(pairs) {
			t.Fatalf("%q was read as %v, %v", text, list(back), err)
		}
	})
}
