package supervise

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/process"
)

// world is a supervisor without cgroups: processes "join" a plain file.
type world struct {
	*testing.T
	state layout.State
}

func newWorld(t *testing.T) world { return world{t, layout.State(t.TempDir())} }

func (w world) supervisor() *Supervisor {
	w.Helper()
	s, err := New(w.state, func(string) string { return filepath.Join(string(w.state), "joined") })
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		for _, each := range s.List() {
			if err := s.Stop(each.Name); err != nil {
				w.Error(err)
			}
		}
	})
	return s
}

func (w world) put(s *Supervisor, spec component.Spec) Status {
	w.Helper()
	spec.Env = []string{"PATH=" + os.Getenv("PATH")}
	status, err := s.Put(spec)
	if err != nil {
		w.Fatal(err)
	}
	return status
}

// eventually waits until the component's status is as wanted.
func (w world) eventually(s *Supervisor, name, what string, wanted func(Status) bool) Status {
	w.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		for _, each := range s.List() {
			if each.Name == name && wanted(each) {
				return each
			}
		}
	}
	w.Fatalf("%s is never %s: %+v", name, what, s.List())
	return Status{}
}

func (w world) log(name string) string {
	data, err := os.ReadFile(w.state.Log(name))
	if err != nil {
		w.Fatal(err)
	}
	return string(data)
}

func sleeper(name string) component.Spec {
	return component.Spec{Name: name, Argv: []string{"sleep", "600"}}
}

func TestPutStartsOnceAndReplacesWhatHasChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.supervisor()
	first := w.put(s, sleeper("a"))
	if again := w.put(s, sleeper("a")); again.Identity != first.Identity {
		t.Error("the same spec has started another process")
	}
	changed := sleeper("a")
	changed.Inputs = "other"
	if other := w.put(s, changed); other.Identity == first.Identity || first.Identity.Alive() {
		t.Error("a changed spec has not replaced the process")
	}
}

func TestACrashedProcessIsStartedAgainWithANote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.supervisor()
	first := w.put(s, sleeper("a"))
	if err := unix.Kill(first.Identity.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := w.eventually(s, "a", "started again", func(s Status) bool { return s.Running && s.Identity != first.Identity })
	if second.Restarts != 1 {
		t.Errorf("%d restarts are counted", second.Restarts)
	}
	if log := w.log("a"); !strings.Contains(log, "signal: killed; it is started again") {
		t.Errorf("the log says %q", log)
	}
}

func TestAKeptProcessIsNotStartedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.supervisor()
	spec := component.Spec{Name: "holder", Argv: []string{"true"}, Keep: true}
	w.put(s, spec)
	w.eventually(s, "holder", "ended", func(s Status) bool { return !s.Running })
	follower := sleeper("follower")
	follower.Within = "holder"
	if _, err := s.Put(follower); err == nil || !strings.Contains(err.Error(), "run matriarch-local up") {
		t.Errorf("a process whose namespaces are gone: %v", err)
	}
}

func TestTheNextSupervisorAdoptsWhatRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The first supervisor is forgotten without being stopped, as if killed.
	abandoned, err := New(w.state, func(string) string { return "/dev/null" })
	if err != nil {
		t.Fatal(err)
	}
	running, dead := w.put(abandoned, component.Spec{Name: "runs", Argv: []string{"sleep", "600"}, Keep: true}),
		w.put(abandoned, component.Spec{Name: "dies", Argv: []string{"sleep", "600"}, Keep: true})
	if err := dead.Identity.Stop(0); err != nil {
		t.Fatal(err)
	}
	next := w.supervisor()
	w.eventually(next, "runs", "adopted", func(s Status) bool { return s.Running && s.Identity == running.Identity })
	w.eventually(next, "dies", "known as dead", func(s Status) bool { return !s.Running && s.LastExit != "" })
	if err := next.Stop("runs"); err != nil || running.Identity.Alive() {
		t.Errorf("the adopted process is not stopped: %v", err)
	}
}

func TestAnAdoptedProcessThatDiesIsStartedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spec := sleeper("a")
	spec.Env = []string{"PATH=" + os.Getenv("PATH")}
	stray := newWorld(t) // its supervisor would start it again as well
	other, err := New(stray.state, func(string) string { return "/dev/null" })
	if err != nil {
		t.Fatal(err)
	}
	kept := spec
	kept.Keep = true
	status, err := other.Put(kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Records(w.state.Records()).Put(process.Record{Identity: status.Identity, Spec: spec}); err != nil {
		t.Fatal(err)
	}
	s := w.supervisor()
	if err := status.Identity.Stop(0); err != nil {
		t.Fatal(err)
	}
	w.eventually(s, "a", "started again", func(s Status) bool { return s.Running && s.Identity != status.Identity })
}

func TestAProcessWhoseSupervisorDiesBeforeNotingItDoesNotRun(t *testing.T) {
	t.Parallel()
	// The gate closes without a word, as when its other end's process is killed.
	marker := filepath.Join(t.TempDir(), "ran")
	s := newWorld(t).supervisor()
	argv, err := s.argv(component.Spec{Name: "a", Argv: []string{"touch", marker}})
	if err != nil {
		t.Fatal(err)
	}
	gate, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	open.Close()
	defer gate.Close()
	attributes := &os.ProcAttr{Files: []*os.File{nil, nil, nil, gate}}
	child, err := os.StartProcess(argv[0], argv, attributes)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := child.Wait(); err != nil || state.ExitCode() != 1 {
		t.Errorf("it ended with %v, %v", state, err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("it ran")
	}
}

func TestPausesGrowAndAreBounded(t *testing.T) {
	t.Parallel()
	if pause(1) != 0 {
		t.Errorf("before the first restart: %s", pause(1))
	}
	for n := 2; n < 100; n++ {
		if pause(n) < pause(n-1) || pause(n) > longestPause {
			t.Errorf("pause %d is %s after %s", n, pause(n), pause(n-1))
		}
	}
}

func TestTheSocketDoesWhatTheSupervisorDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.supervisor()
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	socket := filepath.Join(string(w.state), "s.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // an earlier run's
		t.Fatal(err)
	}
	go func() { served <- Serve(ctx, s, socket) }()
	client := NewClient(socket)
	spec := sleeper("a")
	spec.Env = []string{"PATH=" + os.Getenv("PATH")}
	var status Status
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if status, err = client.Put(ctx, spec); err == nil {
			break
		}
	}
	if err != nil || !status.Running {
		t.Fatalf("put: %+v, %v", status, err)
	}
	if list, err := client.List(ctx); err != nil || list["a"].Identity != status.Identity {
		t.Errorf("list: %+v, %v", list, err)
	}
	bad := component.Spec{Name: "bad", Within: "nowhere", Argv: []string{"true"}}
	if _, err := client.Put(ctx, bad); err == nil || !strings.Contains(err.Error(), "nowhere does not run") {
		t.Errorf("a failure reads %v", err)
	}
	if err := client.Stop(ctx, "a"); err != nil || status.Identity.Alive() {
		t.Errorf("stop: %v", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("the end of serving: %v", err)
	}
}

func TestLogsAreTrimmedInPlace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	writer, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	fmt.Fprint(writer, "0123456789")
	for range 2 { // the second time there is nothing to do
		if err := trim(path, 9); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprint(writer, "new")
	for file, want := range map[string]string{path: "new", path + ".1": "0123456789"} {
		if data, err := os.ReadFile(file); err != nil || string(data) != want {
			t.Errorf("%s holds %q, %v; want %q", file, data, err, want)
		}
	}
}
