package traffic_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/testserver"
	"github.com/matriarchdb/matriarch/test/traffic"
)

// here runs on this machine what is meant for the client's pod.
func here(stdin string, args ...string) (string, error) {
	args = args[slices.Index(args, "--")+1:]
	command := exec.Command(args[0], args[1:]...)
	command.Stdin = strings.NewReader(stdin)
	out, err := command.CombinedOutput()
	return string(out), err
}

// clean ends the clients of a path and removes their files.
func clean(t *testing.T, path traffic.Path) {
	_ = os.WriteFile("/tmp/traffic/"+path.Name+".stop", nil, 0o600)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat("/tmp/traffic/" + path.Name + ".running"); err != nil {
			files, _ := filepath.Glob("/tmp/traffic/" + path.Name + ".*")
			for _, file := range files {
				_ = os.Remove(file)
			}
			return
		}
	}
	t.Error("the clients do not end")
}

// failed is how often a client of a path says that it failed.
func failed(path traffic.Path, client string) (n int) {
	text, _ := os.ReadFile("/tmp/traffic/" + path.Name + "." + client)
	_, _ = fmt.Sscan(string(text), new(int), &n)
	return n
}

func TestClientsSeeWhatFailsAndForHowLong(t *testing.T) {
	t.Parallel()
	testserver.Need(t, "psql", "setsid")
	pg := testserver.StartPostgres(t)
	pg.Exec(t, "create database other")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := traffic.Client{Kubectl: here}
	path := traffic.Path{
		Name: fmt.Sprintf("test-%06x", rand.N(1<<24)), Password: pg.Password,
		Options: fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=other", pg.Port),
	}
	t.Cleanup(func() { clean(t, path) })
	if err := c.Start(ctx, path); err != nil {
		t.Fatal(err)
	}
	away := time.Duration(0)
	counted := func(what func() error) traffic.Seen {
		t.Helper()
		all, err := c.Counted(ctx, []traffic.Path{path}, what)
		if err != nil {
			t.Fatal(err)
		}
		return all[path.Name]
	}
	quiet := counted(func() error { return nil })
	if quiet.Connect.Bad+quiet.Write.Bad > 0 || c.Errors(path) != "" {
		t.Errorf("nothing happened, and they saw: %s\n%s", quiet, c.Errors(path))
	}
	loud := counted(func() error {
		pg.Exec(t, "alter database other allow_connections false", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'other'")
		begin := time.Now()
		for ctx.Err() == nil && (failed(path, "connect") == 0 || failed(path, "write") == 0) {
			time.Sleep(20 * time.Millisecond)
		}
		away = time.Since(begin)
		pg.Exec(t, "alter database other allow_connections true")
		return nil
	})
	if loud.Connect.Bad == 0 || loud.Write.Bad == 0 || loud.Write.Longest < int(away.Milliseconds())/2 { // a busy client notices late
		t.Errorf("the database was away for %s, and they saw: %s", away, loud)
	}
	if said := c.Errors(path); !strings.Contains(said, "not currently accepting connections") {
		t.Errorf("they heard %q", said)
	}
	if after := counted(func() error { return nil }); after.Write.Longest >= loud.Write.Longest {
		t.Errorf("the longest gap is counted again: %s", after)
	}
	if all := c.Stop(ctx, path); all.Connect.Bad != loud.Connect.Bad {
		t.Errorf("all in all they saw: %s", all)
	}
}
