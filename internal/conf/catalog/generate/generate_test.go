package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf/catalog/table"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

// TestMain lets a test run the command as another user: PostgreSQL refuses root.
func TestMain(m *testing.M) {
	if args := os.Getenv("GENERATE"); args != "" {
		os.Args = append(os.Args[:1], strings.Fields(args)...)
		main()
		return
	}
	os.Exit(testserver.Main(m))
}

func data(t *testing.T, server string) table.Table {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "data", server+".tsv"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := table.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// version is the release of an installed program; the test ends if the data
// file was not made from that release.
func version(t *testing.T, program string, numbers string, known table.Table, args ...string) string {
	t.Helper()
	out, _ := testserver.Command(t, "/", program, args...).CombinedOutput()
	found := regexp.MustCompile(numbers).FindString(string(out))
	for _, one := range known.Versions {
		if one == found {
			return found
		}
	}
	t.Skipf("%s is of version %q, which the data file was not made from", program, found)
	return ""
}

func byName(facts []table.Facts) map[string]table.Facts {
	m := map[string]table.Facts{}
	for _, f := range facts {
		m[f.Name] = f
	}
	return m
}

func TestTheTableOfPgpoolComesFromTheProgram(t *testing.T) {
	t.Parallel()
	program := testserver.Program(t, "pgpool")
	known := data(t, "pgpool")
	release := version(t, program, `[0-9]+\.[0-9]+`, known, "--version")
	facts, err := pgpoolFacts(program)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(known.At(release), byName(facts)); diff != "" {
		t.Error(diff)
	}
}

func TestTheTableOfPgBouncerComesFromTheProgram(t *testing.T) {
	t.Parallel()
	program := testserver.Program(t, "pgbouncer")
	known := data(t, "pgbouncer")
	release := version(t, program, `[0-9]+\.[0-9]+`, known, "-V")
	facts, err := pgbouncerFacts(program)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(known.At(release), byName(facts)); diff != "" {
		t.Error(diff)
	}
}

// PostgreSQL's minor releases differ in a few parameters that security fixes
// brought; everything else must be as in the data file.
func TestTheTableOfPostgresComesFromTheServer(t *testing.T) {
	t.Parallel()
	program := testserver.Program(t, "postgres")
	known := data(t, "postgres")
	release := version(t, program, `[0-9]+`, known, "--version")
	dir := testserver.Dir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := testserver.Command(t, dir, copyTo(t, self, filepath.Join(dir, "generate")))
	command.Env = append(command.Env, "TMPDIR="+dir, "GENERATE=facts postgres "+filepath.Dir(program))
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	measured, err := table.Parse(string(out))
	if err != nil {
		t.Fatal(err)
	}
	facts := measured.At("0")
	for name, want := range known.At(release) {
		got, found := facts[name]
		if diff := cmp.Diff(want, got); found && diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	missing := len(known.At(release)) - len(facts)
	if len(facts) < 300 || missing > 5 || missing < -5 {
		t.Errorf("%d parameters instead of %d", len(facts), len(known.At(release)))
	}
}

func copyTo(t *testing.T, from, to string) string {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestFactsOfSeveralVersionsAreMerged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := write("a", "0\n0\tport\tint\tINIT\t\t1\t2\t\t\"1\"\n")
	second := write("b", "0\n0\tport\tint\tINIT\t\t1\t2\t\t\"1\"\n0\tssl\tbool\tINIT\t\t\t\t\t\n")
	got, err := merge([]string{"4.1=" + first, "4.3=" + second})
	want := "4.1 4.3\n4.1-4.3\tport\tint\tINIT\t\t1\t2\t\t\"1\"\n4.3\tssl\tbool\tINIT\t\t\t\t\t\n"
	if err != nil || got.String() != want {
		t.Errorf("got %s, %v", got, err)
	}
	for reason, inputs := range map[string][]string{
		"no version": {first}, "no file": {"4.1=" + dir + "/none"}, "no table": {"4.1=" + write("c", "0\nx\n")},
	} {
		if _, err := merge(inputs); err == nil {
			t.Errorf("%s: no error", reason)
		}
	}
}

func TestWrongArgumentsAndProgramsAreRefused(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"usage:":                                 {"facts"},
		`cannot do "facts mysql /bin"`:           {"facts", "mysql", "/bin"},
		`cannot do "facts pgpool"`:               {"facts", "pgpool"},
		"bad magic number":                       {"facts", "pgpool", "main.go"},
		"found 0 parameters only":                {"facts", "pgpool", self},
		"found no parameters: is this pgbouncer": {"facts", "pgbouncer", self},
		"initdb":                                 {"facts", "postgres", "/no/such/folder"},
	} {
		if err := run(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", args, err)
		}
	}
}
