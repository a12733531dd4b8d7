package process

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/component"
)

func TestParseStatIsNotFooledByNames(t *testing.T) {
	t.Parallel()
	rest := " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20"
	for _, name := range []string{"(sh)", "(a b)", "(x) R 1 (y)", "())"} {
		state, start, err := parseStat("12 " + name + rest)
		if err != nil || state != "S" || start != 4711 {
			t.Errorf("%s: got %s %d %v", name, state, start, err)
		}
	}
	for _, broken := range []string{"", "12", "12 (sh) S 1 2"} {
		if _, _, err := parseStat(broken); err == nil {
			t.Errorf("%q is accepted", broken)
		}
	}
}

// start runs a program and returns who it is; it is reaped when it ends.
func start(t *testing.T, argv ...string) Identity {
	t.Helper()
	command := exec.Command(argv[0], argv[1:]...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	reaped := make(chan struct{})
	go func() {
		_ = command.Wait() // how it ended does not matter
		close(reaped)
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended
		<-reaped
	})
	identity, err := Identify(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func TestAProcessIsAliveOnlyAsItself(t *testing.T) {
	t.Parallel()
	identity := start(t, "sleep", "60")
	if !identity.Alive() {
		t.Error("a running process is not alive")
	}
	for what, other := range map[string]Identity{
		"another start time": {identity.PID, identity.StartTime + 1, identity.Boot},
		"another boot":       {identity.PID, identity.StartTime, "other"},
		"no pid":             {0, identity.StartTime, identity.Boot},
	} {
		if other.Alive() {
			t.Errorf("%s: taken for the same process", what)
		}
		if handle, err := other.Open(); err == nil {
			handle.Close()
			t.Errorf("%s: a handle is given", what)
		}
		if err := other.Stop(time.Second); err != nil {
			t.Errorf("%s: stopping it: %v", what, err)
		}
	}
	if !identity.Alive() {
		t.Error("stopping somebody else has ended the process")
	}
}

func TestStopEndsAProcess(t *testing.T) {
	t.Parallel()
	for name, argv := range map[string][]string{
		"that obeys":   {"sleep", "60"},
		"that refuses": {"sh", "-c", "trap '' TERM; while :; do sleep 60; done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			identity := start(t, argv...)
			if err := identity.Stop(200 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if identity.Alive() {
				t.Error("it still runs")
			}
			if err := identity.Stop(time.Second); err != nil {
				t.Errorf("stopping it once more: %v", err)
			}
		})
	}
}

func TestWaitSeesTheEnd(t *testing.T) {
	t.Parallel()
	identity := start(t, "sleep", "60")
	handle, err := identity.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	if ended, err := handle.Wait(10 * time.Millisecond); ended || err != nil {
		t.Errorf("before the end: %v, %v", ended, err)
	}
	if err := identity.Stop(time.Second); err != nil {
		t.Fatal(err)
	}
	if ended, err := handle.Wait(-1); !ended || err != nil {
		t.Errorf("after the end: %v, %v", ended, err)
	}
}

func TestStartedIsRecentForAYoungProcess(t *testing.T) {
	t.Parallel()
	before := time.Now().Add(-time.Second)
	started, err := start(t, "sleep", "60").Started()
	if err != nil || started.Before(before) || started.After(time.Now()) {
		t.Errorf("started at %s, %v", started, err)
	}
}

func TestRecordsAreKeptAndForgotten(t *testing.T) {
	t.Parallel()
	records := Records(t.TempDir() + "/none/yet")
	if list, err := records.List(); err != nil || list != nil {
		t.Errorf("before the first: %v, %v", list, err)
	}
	record := Record{Identity{7, 8, "boot"}, component.Spec{Name: "etcd", Argv: []string{"a"}}, 3}
	if err := records.Put(record); err != nil {
		t.Fatal(err)
	}
	if got, found := records.Get("etcd"); !found || got.Identity != record.Identity || got.Restarts != 3 || got.Spec.Digest() != record.Spec.Digest() {
		t.Errorf("got %+v, %v", got, found)
	}
	// What a killed writer leaves, and what nobody can read, counts as nothing.
	for _, name := range []string{"/.etcd.json.123", "/broken.json", "/notes.txt"} {
		if err := os.WriteFile(string(records)+name, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := records.List(); err != nil || len(list) != 1 {
		t.Errorf("list: %v, %v", list, err)
	}
	for range 2 {
		if err := records.Delete("etcd"); err != nil {
			t.Error(err)
		}
	}
	if _, found := records.Get("etcd"); found {
		t.Error("a deleted record is still there")
	}
}
