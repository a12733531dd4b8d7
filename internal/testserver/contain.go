package testserver

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// envStage tells a copy of a test binary what it is.
const envStage = "MATRIARCH_TEST_STAGE"

// The stages of a contained test binary, from the outside in. Each is the parent of the next.
const (
	stageInit  = "init"  // process 1 of the namespaces
	stageTests = "tests" // runs the tests
)

var (
	contained bool // this process runs the tests, in namespaces
	asked     bool // Contain was called
)

// Main runs the tests of a package that starts servers, and returns the exit code. It is what TestMain has to call.
func Main(m *testing.M) int {
	Contain()
	return m.Run()
}

// Contain sees to it that nothing a test binary starts outlives it, however it ends: the kernel kills all processes of a
// process namespace with its process 1, and frees the shared memory of an IPC namespace with its last process (a Pgpool
// that is killed leaves more than 100 MB). The binary that was called starts itself again in new namespaces, and dies
// with what it started. Contain returns in the process that is to run the tests.
//
// Calling it twice does no harm. Namespaces take root, as integration tests have it; without it, and with -short, tests run as they are.
func Contain() {
	asked = true
	flag.Parse()
	switch stage := os.Getenv(envStage); {
	case stage == stageInit:
		os.Exit(beInit())
	case stage == stageTests:
		_ = os.Unsetenv(envStage) // a test may start its own binary
		contained = true
	case contained:
	case os.Getuid() == 0 && !testing.Short():
		if code, err := enter(); err == nil {
			os.Exit(code)
		} else if !errors.Is(err, syscall.EPERM) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// enter runs this binary in new namespaces and returns its exit code. The error tells that it could not be started.
func enter() (int, error) {
	runtime.LockOSThread() // the child gets the signal when this thread ends, which now is when the process does
	cmd := again(stageInit)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the tests in namespaces of their own: %w", err)
	}
	passOn(cmd.Process.Pid)
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for the tests: %w", err)
	}
	return code(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// beInit shows the namespace its own /proc, starts the tests and collects every process that dies until they end.
func beInit() int {
	private := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err := errors.Join(private, unix.Mount("proc", "/proc", "proc", 0, "")); err != nil {
		fmt.Fprintf(os.Stderr, "mount /proc for the tests: %v\n", err)
		return 1
	}
	cmd := again(stageTests)
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "start the tests: %v\n", err)
		return 1
	}
	passOn(cmd.Process.Pid)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			fmt.Fprintf(os.Stderr, "wait for the tests: %v\n", err)
			return 1
		}
		if pid == cmd.Process.Pid {
			return code(status)
		}
	}
}

// again is this binary with the same arguments, as the stage.
func again(stage string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), envStage+"="+stage)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// passOn hands on what asks the tests to end, or to say where they are.
func passOn(pid int) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		for s := range asked {
			_ = syscall.Kill(pid, s.(syscall.Signal))
		}
	}()
}

// code is the exit code as a shell gives it.
func code(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
