package ini_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
)

func mustParse(t *testing.T, text string) *ini.File {
	t.Helper()
	file, err := ini.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func list(s *conf.Settings) []conf.Setting {
	var all []conf.Setting
	for one := range s.All() {
		all = append(all, one)
	}
	return all
}

func TestParseReadsSectionsAsPgBouncerDoes(t *testing.T) {
	t.Parallel()
	file := mustParse(t, strings.Join([]string{
		"; a comment",
		"# another",
		"[databases]",
		"  app = host=db port=5432 password='x ; y'  ",
		"* = host=fallback\r",
		"[pgbouncer] ; a header may be followed by a comment",
		"pool_mode = session ; no comment, part of the value",
		"listen_port=6432",
		"auth_query=",
		"[users]",
		"bob-1.x = pool_mode=statement",
		"[peers] 1 = host=a",
		"[pgbouncer]",
		"listen_addr = *",
	}, "\n"))
	for section, want := range map[string][]conf.Setting{
		ini.Databases: {{Name: "app", Value: "host=db port=5432 password='x ; y'", Line: 4}, {Name: "*", Value: "host=fallback", Line: 5}},
		ini.PgBouncer: {
			{Name: "pool_mode", Value: "session ; no comment, part of the value", Line: 7},
			{Name: "listen_port", Value: "6432", Line: 8}, {Name: "auth_query", Line: 9}, {Name: "listen_addr", Value: "*", Line: 14},
		},
		ini.Users: {{Name: "bob-1.x", Value: "pool_mode=statement", Line: 11}},
		ini.Peers: {{Name: "1", Value: "host=a", Line: 12}},
	} {
		if diff := cmp.Diff(want, list(file.Section(section))); diff != "" {
			t.Errorf("[%s]: %s", section, diff)
		}
	}
}

func TestATextWithoutHeaderIsThePgbouncerSection(t *testing.T) {
	t.Parallel()
	file := mustParse(t, "pool_mode = transaction\n[users]\nbob = pool_mode=session")
	if value, _ := file.Section(ini.PgBouncer).Get("pool_mode"); value != "transaction" {
		t.Errorf("got %q", value)
	}
	if file.Section(ini.Users).Len() != 1 {
		t.Error("the header after it is not respected")
	}
}

func TestParseNamesEveryBadLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ reason, line, message string }{
		{"an unknown section", "[pools]", `no section "pools"; known are databases, peers, pgbouncer, users`},
		{"a section in capitals", "[PgBouncer]", `no section "PgBouncer"`},
		{"a section with blanks", "[ users ]", `no section " users "`},
		{"an open header", "[users", "no closing bracket"},
		{"include", "%include /etc/passwd", "not allowed here"},
		{"no equals sign", "pool_mode session", "expected: name = value"},
		{"only a name", "pool_mode", "expected: name = value"},
		{"no name", "= 5", "expected: name = value"},
		{"a quoted name, which PgBouncer's manual promises and its parser refuses", `"my db" = host=x`, `cannot begin with "\""`},
		{"a name with a slash", "a/b = 5", `cannot contain "/"`},
		{"a name with an umlaut", "ä = 5", `cannot begin with "ä"`},
		{"a zero byte", "a = \x00", "zero byte"},
	} {
		file, err := ini.Parse("[pgbouncer]\n" + test.line + "\nfine = 1\n")
		var problems conf.Problems
		if file != nil || !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("%s: got %v, %v", test.reason, file, err)
			continue
		}
		if p := problems[0]; p.Line != 2 || p.Text != test.line || !strings.Contains(p.Message, test.message) {
			t.Errorf("%s: got %s", test.reason, p)
		}
	}
}

func TestSettingsOfAnUnknownSectionAreNotJudged(t *testing.T) {
	t.Parallel()
	_, err := ini.Parse("[pools]\na = 1\nb\n[users]\nc")
	var problems conf.Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestMergeReplacesKeyByKeyInEachSection(t *testing.T) {
	t.Parallel()
	base := mustParse(t, "[databases]\na = host=1\nb = host=2\n[pgbouncer]\npool_mode = session\nlisten_port = 1")
	over := mustParse(t, "[databases]\nb = port=5\n[pgbouncer]\nlisten_port = 2\nmax_client_conn = 9\n[users]\nu = pool_mode=session")
	merged, err := base.Merge(over).Print()
	want := `[databases]
a = host=1
b = port=5

[users]
u = pool_mode=session

[pgbouncer]
pool_mode = session
listen_port = 2
max_client_conn = 9
`
	if err != nil || merged != want {
		t.Errorf("got %s, %v", merged, err)
	}
	if base.Section(ini.Users).Len() != 0 || over.Section(ini.Databases).Len() != 1 {
		t.Error("an operand changed")
	}
}

func TestNilIsAnEmptyFile(t *testing.T) {
	t.Parallel()
	var f *ini.File
	if f.Section(ini.Users).Len() != 0 || f.Clone().Section(ini.Users).Len() != 0 {
		t.Error("nil is not empty")
	}
	text, err := f.Merge(nil).Print()
	if err != nil || text != "[pgbouncer]\n" {
		t.Errorf("got %q, %v: PgBouncer needs its section", text, err)
	}
}

func TestACloneIsIndependent(t *testing.T) {
	t.Parallel()
	f := &ini.File{}
	f.Section(ini.Users).Set("a", "pool_mode=session")
	f.Clone().Section(ini.Users).Delete("a")
	if f.Section(ini.Users).Len() != 1 {
		t.Error("the original changed")
	}
}

func TestAnUnknownSectionIsAProgrammingError(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	(&ini.File{}).Section("pools")
}

func TestPrintNamesWhatItCannotExpress(t *testing.T) {
	t.Parallel()
	f := &ini.File{}
	f.Section(ini.Databases).Set("my db", "host=x")
	f.Section(ini.PgBouncer).Set("a", "b\nc")
	f.Section(ini.PgBouncer).Set("b", " c")
	f.Section(ini.PgBouncer).Set("", "c")
	text, err := f.Print()
	var problems conf.Problems
	if text != "" || !errors.As(err, &problems) || len(problems) != 4 {
		t.Fatalf("got %q, %v", text, err)
	}
	if p := problems[0]; p.Section != ini.Databases || p.Name != "my db" || !strings.Contains(p.Message, "cannot read this name") {
		t.Errorf("got %s", p)
	}
}

func FuzzAcceptedFilesArePrintedAndReadBack(f *testing.F) {
	for _, seed := range []string{"a = 1", "[users]\nx=y", "[peers]1 = host=a", "a=", "*=b", "[pgbouncer];\n#", "a = b \v", "a\t=\tb", "[databases]\n\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ini.Parse(text)
		if err != nil {
			return
		}
		printed, err := file.Print()
		if err != nil {
			t.Fatalf("%q was accepted and cannot be printed: %v", text, err)
		}
		back, err := ini.Parse(printed)
		if err != nil {
			t.Fatalf("%q was printed as %q: %v", text, printed, err)
		}
		for _, section := range []string{ini.Databases, ini.Peers, ini.Users, ini.PgBouncer} {
			if !back.Section(section).Equal(file.Section(section)) {
				t.Fatalf("%q was printed as %q and read as %v", text, printed, list(back.Section(section)))
			}
		}
	})
}

func TestAKeyThatIsSetTwiceIsRefusedWithBothLines(t *testing.T) {
	t.Parallel()
	_, err := ini.Parse("[pgbouncer]\npool_mode = session\n[users]\npool_mode = pool_mode=session\n[pgbouncer]\npool_mode = statement\n")
	if err == nil || !strings.Contains(err.Error(), "line 6") || !strings.Contains(err.Error(), "pool_mode is set twice, here and in line 2") {
		t.Errorf("got %v", err)
	}
}
