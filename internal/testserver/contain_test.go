package testserver

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestContainedTestsSeeOnlyTheirOwnProcesses(t *testing.T) {
	t.Parallel()
	NeedRoot(t)
	Contain() // once more
	who, err := os.Readlink("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	if who != fmt.Sprint(os.Getpid()) {
		t.Errorf("/proc says that this is process %s, the kernel %d", who, os.Getpid())
	}
	parent, err := os.ReadFile("/proc/1/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(parent), os.Args[0]) {
		t.Errorf("process 1 is %q, not this binary", parent)
	}
}
