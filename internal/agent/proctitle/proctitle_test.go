package proctitle_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/proctitle"
)

func TestChildrenAreListedWithTheirTitles(t *testing.T) {
	t.Parallel()
	child := exec.Command("/bin/sh", "-c", "exec -a 'server: a (b) c idle' sleep 600")
	if bash, err := exec.LookPath("bash"); err == nil {
		child.Path = bash // sh may not know exec -a
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		found := ""
		for _, process := range proctitle.ChildrenOf(os.Getpid()) {
			if process.PID == child.Process.Pid {
				found = process.Title
			}
		}
		if found == "server: a (b) c idle 600" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the child's title is %q", found)
		}
	}
}

func TestAProcessThatHasNoChildrenHasNone(t *testing.T) {
	t.Parallel()
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	if found := proctitle.ChildrenOf(child.Process.Pid); len(found) != 0 {
		t.Errorf("children %v", found)
	}
}

func TestAStoppedProcessIsReadAndARunningOneIsNot(t *testing.T) {
	t.Parallel()
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	if found, stopped := proctitle.Stopped(child.Process.Pid, 10*time.Millisecond); stopped {
		t.Errorf("a process that runs counts as stopped: %v", found)
	}
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if found, stopped := proctitle.Stopped(child.Process.Pid, 30*time.Second); !stopped || !strings.HasSuffix(found.Title, "sleep 600") {
		t.Errorf("a stopped process is not read: %v %v", found, stopped)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if _, stopped := proctitle.Stopped(child.Process.Pid, 30*time.Second); stopped {
		t.Error("a process that is gone counts as stopped")
	}
}

func TestAProcessIsExitingOnceItWasKilledAndNotBefore(t *testing.T) {
	t.Parallel()
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if proctitle.Exiting(child.Process.Pid) {
		t.Error("a process that runs is exiting")
	}
	_ = child.Process.Kill()
	for end := time.Now().Add(30 * time.Second); !proctitle.Exiting(child.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a killed process that nobody has collected is not exiting")
		}
	}
	_ = child.Wait()
	if !proctitle.Exiting(child.Process.Pid) {
		t.Error("a process that is gone is not exiting")
	}
}
