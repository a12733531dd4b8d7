package pg_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/pg"
)

func TestInitScriptsAreListedInOrderAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b.sql", "a.sh", "c.sql.gz", "README.md", ".hidden.sql", "..data/z.sql", "d.SQL"} {
		put(t, dir, name, "")
	}
	got, err := pg.Scripts(dir)
	want := []string{filepath.Join(dir, "a.sh"), filepath.Join(dir, "b.sql"), filepath.Join(dir, "c.sql.gz")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
	if got, err := pg.Scripts(""); err != nil || len(got) != 0 {
		t.Errorf("no place has %v (%v)", got, err)
	}
}

func TestOneFileCanBeTheInitScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.sql", "")
	put(t, dir, "README.md", "")
	one := filepath.Join(dir, "a.sql")
	if got, err := pg.Scripts(one); err != nil || !slices.Equal(got, []string{one}) {
		t.Errorf("%v (%v), want %s", got, err, one)
	}
	for name, says := range map[string]string{"README.md": "is none of *.sh, *.sql, *.sql.gz", "none": "scriptPath"} {
		if got, err := pg.Scripts(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s has %v (%v), want an error that says %q", name, got, err, says)
		}
	}
}

func TestTheConninfoOfAStandbyIsQuoted(t *testing.T) {
	t.Parallel()
	s := pg.New(pg.Programs{}, nil, pg.Options{Scratch: "/run/matriarch"})
	got := s.Conninfo(pg.Upstream{Host: "db-0.pods", Port: "5432"}, pg.Admin{User: `o'ne \ two`, Password: "secret"}, "db-1")
	for _, want := range []string{"host='db-0.pods'", "port='5432'", `user='o\'ne \\ two'`, "passfile='/run/matriarch/passfile'", "application_name='db-1'", "tcp_user_timeout=5000"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if strings.Contains(got, "secret") {
		t.Errorf("%s holds the password", got)
	}
}
