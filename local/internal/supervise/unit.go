package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/process"
)

const (
	// grace is how long a component may take to end before it is killed; etcd
	// and the API server need a few seconds under load.
	grace = 10 * time.Second
	// settled is how long a process has to run for its next crash to count as
	// the first again.
	settled = time.Minute
	// longestPause bounds the pause before a crashed process is started again.
	longestPause = 15 * time.Second
)

// unit is one component: its spec and the process that runs for it, if any.
type unit struct {
	supervisor *Supervisor

	// work is held while the process is started or stopped, which takes time.
	work sync.Mutex

	// facts protects what follows, which is read at any time.
	facts    sync.Mutex
	record   process.Record
	running  bool
	lastExit string
	wanted   bool
	crashes  int // in a row
}

// put makes the unit run as the spec says: it keeps, starts or replaces the process.
func (u *unit) put(spec component.Spec) error {
	u.work.Lock()
	defer u.work.Unlock()
	if u.isRunning() {
		if u.record.Spec.Digest() == spec.Digest() {
			return nil
		}
		if err := u.end(); err != nil {
			return err
		}
	}
	u.facts.Lock()
	u.record = process.Record{Spec: spec}
	u.crashes = 0
	u.facts.Unlock()
	return u.start()
}

// stop ends the process and forgets the component.
func (u *unit) stop() error {
	u.work.Lock()
	defer u.work.Unlock()
	if err := u.end(); err != nil {
		return err
	}
	return u.supervisor.records.Delete(u.record.Spec.Name)
}

func (u *unit) end() error {
	u.facts.Lock()
	u.wanted = false
	record := u.record
	u.facts.Unlock()
	if err := record.Stop(grace); err != nil {
		return fmt.Errorf("stop %s: %w", record.Spec.Name, err)
	}
	u.facts.Lock()
	u.running = false
	u.facts.Unlock()
	return nil
}

func (u *unit) isRunning() bool {
	u.facts.Lock()
	defer u.facts.Unlock()
	return u.running && u.record.Alive()
}

// start runs the process and watches it. The process waits on a pipe until its
// record is on disk: if this supervisor is killed in between, the pipe breaks
// and the process ends, so that no process runs unrecorded.
func (u *unit) start() error {
	spec := u.record.Spec
	argv, err := u.supervisor.argv(spec)
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	gate, open, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer gate.Close()
	defer open.Close()
	log, err := openLog(u.supervisor.state.Log(spec.Name))
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	defer log.Close()
	command := exec.Command(argv[0], argv[1:]...)
	command.Dir = "/"
	command.Env = spec.Env
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = []*os.File{gate}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	identity, err := process.Identify(command.Process.Pid)
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	u.facts.Lock()
	u.record.Identity = identity
	u.running, u.wanted = true, true
	record := u.record
	u.facts.Unlock()
	if err := u.supervisor.records.Put(record); err != nil {
		return err
	}
	if _, err := open.WriteString("go\n"); err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	go u.watch(identity, func() string {
		_ = command.Wait() // the outcome is in ProcessState
		return command.ProcessState.String()
	})
	return nil
}

// adopt takes over a process that an earlier supervisor has started.
func (u *unit) adopt(record process.Record) bool {
	handle, err := record.Open()
	if err != nil {
		u.facts.Lock()
		u.record, u.lastExit = record, "ended while no supervisor watched"
		u.facts.Unlock()
		return false
	}
	u.facts.Lock()
	u.record, u.running, u.wanted = record, true, true
	u.facts.Unlock()
	go u.watch(record.Identity, func() string {
		defer handle.Close()
		if _, err := handle.Wait(-1); err != nil {
			return err.Error()
		}
		return "ended"
	})
	return true
}

// watch waits for the process to end, and starts it again when nobody asked
// for that and nothing has to be rebuilt first.
func (u *unit) watch(identity process.Identity, wait func() string) {
	begin := time.Now()
	exit := wait()
	u.facts.Lock()
	if u.record.Identity != identity {
		u.facts.Unlock()
		return // replaced meanwhile
	}
	u.running, u.lastExit = false, exit
	wanted := u.wanted && !u.record.Spec.Keep
	if time.Since(begin) > settled {
		u.crashes = 0
	}
	u.crashes++
	delay := pause(u.crashes)
	name := u.record.Spec.Name
	u.facts.Unlock()
	if !wanted {
		return
	}
	note(u.supervisor.state.Log(name), fmt.Sprintf("%s: %s; it is started again in %s", name, exit, delay))
	time.AfterFunc(delay, func() { u.restart(identity) })
}

// pause before the n-th start in a row: none at first, then 1 s doubling.
func pause(crashes int) time.Duration {
	if crashes <= 1 {
		return 0
	}
	return min(time.Second<<min(crashes-2, 10), longestPause)
}

func (u *unit) restart(dead process.Identity) {
	u.work.Lock()
	defer u.work.Unlock()
	u.facts.Lock()
	still := u.wanted && u.record.Identity == dead
	if still {
		u.record.Restarts++
	}
	u.facts.Unlock()
	if !still {
		return
	}
	if err := u.start(); err != nil {
		// Most likely its namespace is gone; up rebuilds it.
		note(u.supervisor.state.Log(u.record.Spec.Name), err.Error())
		u.facts.Lock()
		u.lastExit = err.Error()
		u.facts.Unlock()
	}
}

func (u *unit) status() Status {
	u.facts.Lock()
	defer u.facts.Unlock()
	status := Status{
		Name: u.record.Spec.Name, Running: u.running, Restarts: u.record.Restarts,
		Digest: u.record.Spec.Digest(), LastExit: u.lastExit,
	}
	if u.running {
		status.Identity = u.record.Identity
	}
	return status
}
