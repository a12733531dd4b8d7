// Package realserver lets the tests of the configuration packages ask the real
// servers: what PostgreSQL, Pgpool-II and PgBouncer read in a file and what they
// think of it. Everything runs as an unprivileged user in a folder of its own on
// private Unix sockets, and ends with the test.
package realserver

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// folders where Debian keeps the programs, the newest PostgreSQL last.
var folders = []string{"/usr/sbin/", "/usr/bin/", "/usr/lib/postgresql/*/bin/"}

// Program finds a server's program. A test that needs one that is not installed
// is skipped, and fails in CI; with -short it is always skipped.
func Program(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("asks a real " + name + "; not with -short")
	}
	for i := range folders {
		found, _ := filepath.Glob(folders[len(folders)-1-i] + name)
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed: install the Debian packages postgresql, pgpool2 and pgbouncer", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// Folder makes a scratch folder that the servers may write to. Its path is
// short enough for a Unix socket.
func Folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "conf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	own(t, dir)
	return dir
}

// Write writes a file that the servers may read.
func Write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, path)
	return path
}

// Command runs a program as the servers' user: the servers refuse root.
func Command(t *testing.T, dir, program string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(program, args...)
	command.Dir = dir
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=" + dir}
	if uid, gid, ok := servers(t); ok {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	return command
}

// Start starts a server and stops it, with SIGINT, when the test ends.
func Start(t *testing.T, command *exec.Cmd) {
	t.Helper()
	log, err := os.Create(filepath.Join(command.Dir, filepath.Base(command.Path)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGINT)
		done := time.AfterFunc(10*time.Second, func() { _ = command.Process.Kill() })
		_ = command.Wait()
		done.Stop()
		log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s:\n%s", command.Path, text)
		}
	})
}

// Connect waits until a server answers.
func Connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	for {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			t.Cleanup(func() { conn.Close(context.Background()) })
			return conn
		}
		select {
		case <-ctx.Done():
			t.Fatalf("connecting to %s: %v", dsn, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// DataFolder makes a fresh PostgreSQL data folder.
func DataFolder(t *testing.T, dir string) string {
	t.Helper()
	data := filepath.Join(dir, "data")
	initdb := Command(t, dir, Program(t, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8")
	if text, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", initdb, err, text)
	}
	return data
}

// Postgres starts a PostgreSQL on the Unix socket in dir, port 5432, with more
// arguments as given, and returns a connection of the superuser.
func Postgres(t *testing.T, dir string, args ...string) *pgx.Conn {
	t.Helper()
	args = append([]string{"-D", DataFolder(t, dir), "-k", dir, "-c", "listen_addresses=", "-c", "port=5432", "-F"}, args...)
	Start(t, Command(t, dir, Program(t, "postgres"), args...))
	return Connect(t, "host="+dir+" port=5432 user=postgres dbname=postgres")
}

func own(t *testing.T, path string) {
	t.Helper()
	uid, gid, ok := servers(t)
	if !ok {
		return
	}
	if err := os.Chown(path, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
}

// servers is the user to run servers as, if that is not the one who runs the test.
func servers(t *testing.T) (uid, gid uint32, ok bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("servers cannot run as root, and there is no user postgres: %v", err)
	}
	u, errU := strconv.ParseUint(who.Uid, 10, 32)
	g, errG := strconv.ParseUint(who.Gid, 10, 32)
	if errU != nil || errG != nil {
		t.Fatalf("the user postgres has the ids %s and %s", who.Uid, who.Gid)
	}
	return uint32(u), uint32(g), true
}
