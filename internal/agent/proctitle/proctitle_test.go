package proctitle_test

import (
	"os"
	"os/exec"
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
