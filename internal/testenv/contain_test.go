package testenv_test

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/testserver"
)

// envVictim makes TestVictim do something: which process of it dies.
const envVictim = "MATRIARCH_TEST_VICTIM"

const (
	outermost = "outermost" // the one that was called
	innermost = "innermost" // the one that runs the tests
)

// TestVictim is what the test below kills: it starts a server beside the API server, says where both are, and is killed
// or kills itself.
func TestVictim(t *testing.T) {
	end := os.Getenv(envVictim)
	if end == "" {
		t.Skip("only another test calls it")
	}
	server, err := url.Parse(env.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	host := server.Host
	if host == "" {
		host = env.Config.Host
	}
	fmt.Printf("\nservers=127.0.0.1:%d %s\n", testserver.StartPostgres(t).Port, host)
	if end == innermost {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	select {}
}

func TestServersDieWithATestBinaryThatIsKilled(t *testing.T) {
	t.Parallel()
	testserver.Need(t, "initdb", "postgres")
	testserver.NeedRoot(t)
	if env == nil {
		t.Skip("takes an API server, which make integration brings")
	}
	for _, victim := range []string{outermost, innermost} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestVictim$")
			cmd.Env = append(os.Environ(), envVictim+"="+victim, "TMPDIR="+t.TempDir())
			output, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			servers := strings.Fields(said(t, bufio.NewScanner(output), "servers="))
			if victim == outermost {
				for _, address := range servers {
					if conn, err := net.Dial("tcp", address); err != nil {
						t.Fatalf("a server is not there to begin with: %v", err)
					} else {
						_ = conn.Close()
					}
				}
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Wait(); err == nil {
				t.Error("a test binary that was killed reports success")
			}
			for _, address := range servers {
				refuses(t, address)
			}
		})
	}
}

// said returns the rest of the first line that begins with the prefix.
func said(t *testing.T, lines *bufio.Scanner, prefix string) string {
	t.Helper()
	var all []string
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), prefix); found {
			return rest
		}
		all = append(all, lines.Text())
	}
	t.Fatalf("no line begins with %s:\n%s", prefix, strings.Join(all, "\n"))
	return ""
}

// refuses waits until nobody listens any more.
func refuses(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("the server on %s outlives the tests that started it", address)
		}
	}
}
