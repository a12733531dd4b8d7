package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/matriarchdb/matriarch/local/internal/atomicfile"
	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/process"
	"github.com/matriarchdb/matriarch/local/internal/supervise"
)

// supervisorRecord says who supervises, and by which program.
type supervisorRecord struct {
	process.Identity
	Program string `json:"program"`
}

func (c *Cluster) supervisorFile() string { return filepath.Join(c.State.Run(), "supervisor.json") }

func (c *Cluster) supervisorRecord() (supervisorRecord, bool) {
	var record supervisorRecord
	data, err := os.ReadFile(c.supervisorFile())
	if err != nil || json.Unmarshal(data, &record) != nil {
		return supervisorRecord{}, false
	}
	return record, record.Alive()
}

// Supervise is the supervisor's own main: it serves until it is told to end,
// and leaves the components running then.
func (c *Cluster) Supervise() error {
	signal.Ignore(syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	unlock, err := lockFile(filepath.Join(c.State.Run(), "supervisor.lock"))
	if err != nil {
		return fmt.Errorf("another supervisor is at work: %w", err)
	}
	defer unlock()
	pid := os.Getpid()
	if err := os.WriteFile(c.cgroups.JoinFile(component.Supervisor), []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("join the cluster's cgroup: %w", err)
	}
	identity, err := process.Identify(pid)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := json.Marshal(supervisorRecord{identity, program})
	if err != nil {
		return err
	}
	if err := atomicfile.Write(c.supervisorFile(), data, 0o600); err != nil {
		return err
	}
	supervisor, err := supervise.New(c.State, c.cgroups.JoinFile)
	if err != nil {
		return err
	}
	go supervise.TrimLogs(ctx, c.State.Logs(), c.State.Audit())
	return supervise.Serve(ctx, supervisor, c.State.Supervisor())
}

// ensureSupervisor starts the supervisor, unless one of this very program runs.
func (c *Cluster) ensureSupervisor(ctx context.Context) error {
	begin := time.Now()
	record, running := c.supervisorRecord()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if running && record.Program == self {
		if _, err := c.client.List(ctx); err == nil {
			c.progress.done(component.Supervisor, "running", begin)
			return nil
		}
	}
	if running {
		if err := record.Stop(supervisorGrace); err != nil {
			return err
		}
	}
	if err := c.startSupervisor(self); err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	if err := c.await(ctx, component.Supervisor, func(ctx context.Context) error {
		_, err := c.client.List(ctx)
		return err
	}); err != nil {
		return err
	}
	c.progress.done(component.Supervisor, "started", begin)
	return nil
}

const supervisorGrace = 5 * time.Second

func (c *Cluster) startSupervisor(self string) error {
	if err := errors.Join(os.MkdirAll(c.State.Logs(), 0o755), os.MkdirAll(c.State.Run(), 0o755)); err != nil {
		return err
	}
	if err := c.cgroups.Track(component.Supervisor); err != nil {
		return err
	}
	log, err := os.OpenFile(c.State.Log(component.Supervisor), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(self, "supervise")
	command.Dir = "/"
	command.Env = append(os.Environ(), "MATRIARCH_LOCAL_STATE="+string(c.State))
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return err
	}
	return command.Process.Release()
}

// lockFile takes a lock that ends with this process.
func lockFile(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s is locked: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// lock keeps other commands from changing the cluster at the same time.
func (c *Cluster) lock() (unlock func(), err error) {
	unlock, err = lockFile(c.State.Lock())
	if err != nil {
		return nil, fmt.Errorf("another matriarch-local is changing this cluster: %w", err)
	}
	return unlock, nil
}
