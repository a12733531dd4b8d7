package apply_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/report"
)

func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range found {
		names = append(names, entry.Name())
	}
	return names
}

func TestASecretIsSplitIntoPresentAndFormer(t *testing.T) {
	t.Parallel()
	data := map[string][]byte{"a.conf": []byte("new"), "a.conf.prev": []byte("old"), "b.conf": []byte("same")}
	present, former := apply.Split(data)
	if string(present["a.conf"]) != "new" || len(present) != 2 {
		t.Errorf("present is %v", present)
	}
	if string(former["a.conf"]) != "old" || string(former["b.conf"]) != "same" || len(former) != 2 {
		t.Errorf("former is %v", former)
	}
	if present.Hash() != report.HashFiles(data) {
		t.Error("the hash differs from the operator's")
	}
	if _, former := apply.Split(map[string][]byte{"a.conf": nil}); former != nil {
		t.Errorf("former is %v although none is kept", former)
	}
}

func TestAFileIsReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "file")
	for _, content := range []string{"long content", "short", ""} {
		if err := apply.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		check(t, path, content)
	}
	if left := entries(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnOpenFileIsChangedInPlace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := apply.WriteInPlace(path, []byte("first and long"), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := apply.WriteInPlace(path, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, path, "second")
	var seen bytes.Buffer
	if _, err := seen.ReadFrom(reader); err != nil || seen.String() != "second" {
		t.Errorf("a reader from before sees %q (%v)", seen.String(), err)
	}
}

func check(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v (%v)", path, info.Mode(), err)
	}
}

func TestComplaintsArePickedWithTheirExplanation(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name        string
		lines, want []string
	}{
		{"PostgreSQL", []string{"LOG:  starting", "FATAL:  could not do it", "HINT:  do it otherwise", "LOG:  stopped", "DETAIL:  of the log"},
			[]string{"FATAL:  could not do it", "HINT:  do it otherwise"}},
		{"PgBouncer", []string{"LOG up", "2026 ERROR invalid value", "FATAL cannot load config file"}, []string{"2026 ERROR invalid value", "FATAL cannot load config file"}},
		{"a tool", []string{"initdb: error: no room", "initdb: removing"}, []string{"initdb: error: no room"}},
		{"none", []string{"killed"}, []string{"killed"}},
	}
	for _, row := range rows {
		if got := apply.Complaints(row.lines); got != strings.Join(row.want, "\n") {
			t.Errorf("%s: %q", row.name, got)
		}
	}
}

func TestAReportIsPublishedSortedAndShort(t *testing.T) {
	t.Parallel()
	var said string
	r := apply.NewReporter(func(text string) { said = text })
	names := []string{"b", "a"}
	r.Update(func(rep *report.Report) {
		rep.PendingRestart = names
		rep.Problem = strings.Repeat("x", 10000) + "the end"
	})
	got := r.Current()
	if !slices.Equal(got.PendingRestart, []string{"a", "b"}) || names[0] != "b" {
		t.Errorf("pending %v, the caller's %v", got.PendingRestart, names)
	}
	if len(got.Problem) > 3000 || !strings.HasSuffix(got.Problem, "the end") || said != got.String() {
		t.Errorf("published %d bytes, the problem ends with %q", len(said), got.Problem[len(got.Problem)-10:])
	}
}
