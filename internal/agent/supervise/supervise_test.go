package supervise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// deadline bounds every wait: it only matters when a test fails.
const deadline = 30 * time.Second

// TestMain lets this program play process 1 of a PID namespace when a test starts it so.
func TestMain(m *testing.M) {
	if os.Getenv("PLAY") == "init" {
		playInit()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestWhatWasNeverStartedIsDeadAndSaysNothing(t *testing.T) {
	t.Parallel()
	var p *supervise.Process
	select {
	case <-p.Done():
	default:
		t.Error("it is not done")
	}
	if p.Running() || len(p.Lines()) > 0 {
		t.Errorf("running: %v, lines: %v", p.Running(), p.Lines())
	}
}

// log collects output of several writers.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func shell(script string) supervise.Command {
	return supervise.Command{Path: "/bin/sh", Args: []string{"-c", script}}
}

func ended(t *testing.T, p *supervise.Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(deadline):
		t.Fatal("the process does not end")
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", deadline, what)
		}
	}
}

func TestOutputIsPassedOnAndItsEndIsKept(t *testing.T) {
	t.Parallel()
	out := &log{}
	p, err := supervise.New(out).Start(shell("for i in $(seq 1 30); do echo line $i; done; printf 'no end' >&2; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	lines := p.Tail.Lines()
	if len(lines) != 21 || lines[0] != "line 11" || lines[19] != "line 30" || lines[20] != "no end" {
		t.Errorf("kept %q", lines)
	}
	if text := out.String(); !strings.Contains(text, "line 1\n") || !strings.Contains(text, "line 30\n") {
		t.Errorf("passed on %q", text)
	}
	if p.ExitCode() != 3 || p.Running() {
		t.Errorf("exit code %d, running %v", p.ExitCode(), p.Running())
	}
}

func TestADeadServersOrphansAreGoneWhenItsEndIsTold(t *testing.T) {
	t.Parallel()
	p, err := supervise.New(&log{}).Start(shell("sleep 600 & echo $!; exec sleep 600"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the orphan-to-be is named", func() bool { return len(p.Tail.Lines()) == 1 })
	orphan, err := strconv.Atoi(p.Tail.Lines()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", orphan))
	if err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("the orphan lives: %s", state)
	}
}

func TestStopTriesGentlyThenHardThenKills(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name, script string
		says         string
		killed       bool
	}{
		{"one that listens", `trap 'echo gentle; exit 0' TERM; echo up; while :; do sleep 0.01; done`, "gentle", false},
		{"one that needs the hard way", `trap '' TERM; trap 'echo hard; exit 0' INT; echo up; while :; do sleep 0.01; done`, "hard", false},
		{"one that listens to nothing", `trap '' TERM INT; echo up; while :; do sleep 0.01; done`, "up", true},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p, err := supervise.New(&log{}).Start(shell(row.script))
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "it is up", func() bool { return len(p.Tail.Lines()) > 0 })
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			err = p.StopGently(ctx, syscall.SIGTERM, syscall.SIGINT, time.Second)
			if (err != nil) != row.killed {
				t.Errorf("the error is %v", err)
			}
			if p.Running() {
				t.Error("it still runs")
			}
			if got := p.Tail.Lines(); got[len(got)-1] != row.says {
				t.Errorf("it said %q, want %q last", got, row.says)
			}
		})
	}
}

func TestRunReturnsTheProgramsOwnWords(t *testing.T) {
	t.Parallel()
	err := supervise.New(&log{}).Run(t.Context(), shell("echo the reason >&2; exit 2"))
	var failure *supervise.Failure
	if !errors.As(err, &failure) || failure.Output != "the reason" {
		t.Fatalf("the error is %v", err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("the exit status is lost in %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	command := shell("echo up; sleep 600")
	command.Note = func(string) { cancel() }
	if err := supervise.New(&log{}).Run(ctx, command); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestAProgramThatDoesNotExistIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := supervise.New(&log{}).Start(supervise.Command{Path: "/no/such/program"}); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("the error is %v", err)
	}
}

func TestSignalsToADeadProcessAreNoError(t *testing.T) {
	t.Parallel()
	p, err := supervise.New(&log{}).Start(shell("exit 0"))
	if err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	if err := errors.Join(p.Signal(syscall.SIGTERM), p.Stop(t.Context(), syscall.SIGTERM), p.Err()); err != nil {
		t.Error(err)
	}
}

func TestBackoffGrowsAndForgets(t *testing.T) {
	t.Parallel()
	b := supervise.Backoff{First: time.Second, Max: 4 * time.Second}
	for i, want := range []time.Duration{1, 2, 4, 4} {
		if got := b.After(0); got != want*time.Second {
			t.Errorf("pause %d is %s, want %ds", i, got, want)
		}
	}
	if got := b.After(time.Minute); got != time.Second {
		t.Errorf("after a long good run the pause is %s", got)
	}
	b.After(0)
	b.Reset()
	if got := b.After(0); got != time.Second {
		t.Errorf("after a reset the pause is %s", got)
	}
}

// orphans is how many orphans process 1 gets in the test below.
const orphans = 200

// playInit makes orphans, waits for children of its own meanwhile, and tells how many zombies are left in the end.
func playInit() {
	sup := supervise.New(os.Stdout)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go sup.Reap(ctx)
	failed := 0
	for range orphans / 10 {
		// Ten grandchildren that outlive their parent, each in a session of its own as PostgreSQL's processes are.
		if err := sup.Run(ctx, shell("for i in 1 2 3 4 5 6 7 8 9 10; do setsid sh -c 'sleep 0.05' & done; exit 0")); err != nil {
			failed++
		}
	}
	for end := time.Now().Add(deadline); ; time.Sleep(time.Millisecond) {
		left, _ := exec.Command("sh", "-c", "ls -d /proc/[0-9]* | wc -l").Output()
		if n, _ := strconv.Atoi(strings.TrimSpace(string(left))); n <= 4 || time.Now().After(end) { // this, sh, ls, wc
			fmt.Printf("left %d failed %d\n", n, failed)
			return
		}
	}
}

func TestProcess1ReapsOrphansAndKeepsItsOwnChildren(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root, to be process 1 of a PID namespace")
		}
		t.Skip("needs root, to be process 1 of a PID namespace")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	init := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL", self)
	init.Env = append(os.Environ(), "PLAY=init")
	output, err := init.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if text := string(output); !strings.Contains(text, "failed 0") || strings.Contains(text, fmt.Sprintf("left %d", orphans)) {
		t.Errorf("process 1 says %s", text)
	}
	var left int
	if _, err := fmt.Sscanf(strings.TrimSpace(string(output)), "left %d", &left); err != nil || left > 4 {
		t.Errorf("process 1 leaves zombies: %s", output)
	}
}
