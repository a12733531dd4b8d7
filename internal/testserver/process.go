// Package testserver starts real servers for tests, on loopback and in folders of their own: PostgreSQL, and whatever
// else a test wants to run beside it. There is no imitation of a server.
package testserver

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// account is whom servers run as when the tests run as root, which servers refuse. Debian's packages make it.
const account = "postgres"

// Need fails the test in CI, and skips it elsewhere, when a program is missing. With -short it always skips it.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("asks real servers; not with -short")
	}
	for _, program := range programs {
		if _, err := Find(program); err == nil {
			continue
		}
		lacks(t, "the program "+program)
	}
}

// NeedRoot is Need for the right to make namespaces.
func NeedRoot(t testing.TB) {
	t.Helper()
	Need(t)
	if os.Getuid() != 0 {
		lacks(t, "root")
	}
}

func lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}

// Find returns the path of a program, looking beyond PATH where Debian keeps servers.
func Find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if err != nil || len(found) == 0 {
		found, err = filepath.Glob("/usr/sbin/" + program)
	}
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("find the program %s: it is neither in PATH nor where Debian keeps servers", program)
	}
	return found[len(found)-1], nil
}

// Program is the path of a program that the test needs.
func Program(t testing.TB, name string) string {
	t.Helper()
	Need(t, name)
	path, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Dir makes a folder that belongs to whom servers run as, and removes it at the end. Its path is short, because that of
// a Unix socket has room for 107 bytes.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ms")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own(t, dir)
	return dir
}

// Write writes a file for a server and returns its path.
func Write(t testing.TB, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, path)
	return path
}

func own(t testing.TB, path string) {
	t.Helper()
	if c := credential(t); c != nil {
		if err := os.Chown(path, int(c.Uid), int(c.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// credential is nil for tests that do not run as root.
func credential(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	who, err := user.Lookup(account)
	if err != nil {
		t.Fatalf("tests that run as root start servers as another user: %v", err)
	}
	uid, _ := strconv.ParseUint(who.Uid, 10, 32)
	gid, _ := strconv.ParseUint(who.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// Port returns a TCP port of the loopback interface that is free now.
func Port(t testing.TB) int32 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return int32(listener.Addr().(*net.TCPAddr).Port)
}

// Process is a running server.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

// Start starts a server in the foreground and returns when it listens on the port. It fails the test when the server
// ends instead, or does not listen within half a minute. The server ends with the test.
func Start(t testing.TB, port int32, dir, program string, args ...string) *Process {
	t.Helper()
	p := Launch(t, dir, program, args...)
	p.Await(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	return p
}

// Await waits until the server listens on the address, as Start does.
func (p *Process) Await(t testing.TB, address string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-p.done:
			t.Fatalf("%s ended instead of serving:\n%s", p.cmd.Path, p.Log())
		case <-deadline:
			t.Fatalf("%s does not listen on %s:\n%s", p.cmd.Path, address, p.Log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Command is a program to be run in the folder, as whom servers run as and in English.
func Command(t testing.TB, dir, program string, args ...string) *exec.Cmd {
	t.Helper()
	if !asked {
		t.Fatal("a package that starts servers needs a TestMain that calls testserver.Main or testenv.Main: they would outlive tests that are killed")
	}
	cmd := exec.Command(Program(t, program), args...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(t)}
	return cmd
}

// Launch starts a program without waiting for anything.
func Launch(t testing.TB, dir, program string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: Command(t, dir, program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr.Setpgid = true
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.quit()
		if t.Failed() {
			t.Logf("%s said:\n%s", program, p.Log())
		}
	})
	return p
}

// quit lets the server end as fast as it can without leaving shared memory behind, which is what the signal means to all
// of them, and kills what does not.
func (p *Process) quit() {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(3 * time.Second):
	}
	p.Kill()
}

// Kill ends the server and its children at once.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// Signal sends a signal to the server.
func (p *Process) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Wait waits until the server has ended and tells whether it did so by itself without an error.
func (p *Process) Wait(t testing.TB) bool {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.Success()
	case <-time.After(30 * time.Second):
		t.Fatalf("%s has not ended:\n%s", p.cmd.Path, p.Log())
		return false
	}
}

// Write takes what the server prints.
func (p *Process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(text)
}

// Log is what the server has printed.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.TrimSpace(p.log.String())
}

// Version asks a program for its version and returns what looks like one, such as 4.3.5.
func Version(t testing.TB, program string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), Program(t, program), "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("%s --version: %v\n%s", program, err, said)
	}
	version := regexp.MustCompile(`\d+\.\d+(\.\d+)?`).FindString(string(said))
	if version == "" {
		t.Fatalf("%s --version says %q", program, said)
	}
	return version
}
