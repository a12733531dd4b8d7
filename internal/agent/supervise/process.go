package supervise

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// tailLines is how much of a child's output is kept for reports.
	tailLines = 20
	// drainWait bounds the wait for the last output of a dead child: an orphan of it may hold the pipe for ever.
	drainWait = 500 * time.Millisecond
)

// Process is a running or finished child. A nil one was never started: it is dead and has said nothing.
type Process struct {
	// Tail holds the last lines that it printed.
	Tail *Tail

	path string
	pid  int
	done chan struct{}
	err  error
}

// PID is the child's process and process group id.
func (p *Process) PID() int { return p.pid }

// Done is closed when the child is dead and collected and its last output is in Tail.
func (p *Process) Done() <-chan struct{} {
	if p == nil {
		return closed
	}
	return p.done
}

// closed is the Done of what was never started.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Lines are the last lines that it printed.
func (p *Process) Lines() []string {
	if p == nil {
		return nil
	}
	return p.Tail.Lines()
}

// Running tells whether the child has not died yet.
func (p *Process) Running() bool {
	select {
	case <-p.Done():
		return false
	default:
		return true
	}
}

// Err is nil while the child runs and when it exited with code 0.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// ExitCode is the child's exit code, -1 while it runs or when a signal ended it.
func (p *Process) ExitCode() int {
	var exit *exec.ExitError
	switch err := p.Err(); {
	case p.Running():
		return -1
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}

// Signal sends a signal to the child alone. A dead child is no error.
func (p *Process) Signal(sig syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to %s (pid %d): %w", sig, filepath.Base(p.path), p.pid, err)
	}
	return nil
}

// KillGroup kills the child and whatever it left in its process group.
func (p *Process) KillGroup() { _ = syscall.Kill(-p.pid, syscall.SIGKILL) }

// buryGroup kills what a dead child left behind and waits until it is gone: children of a server that died hold its
// port, and its successor could not start. As PID 1 the reaper collects them; else init does.
func (p *Process) buryGroup() {
	deadline := time.Now().Add(drainWait)
	for syscall.Kill(-p.pid, syscall.SIGKILL) == nil && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
}

// Stop sends sig and waits for the end; when ctx ends first it kills the group and waits for that.
func (p *Process) Stop(ctx context.Context, sig syscall.Signal) error {
	if err := p.Signal(sig); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	p.KillGroup()
	<-p.done
	return fmt.Errorf("%s (pid %d) did not end after %v in time and was killed", filepath.Base(p.path), p.pid, sig)
}

// StopGently sends gentle, then hard when only so much is left until ctx ends, then kills the group; it waits for the
// end. The error tells that it had to kill.
func (p *Process) StopGently(ctx context.Context, gentle, hard syscall.Signal, reserve time.Duration) error {
	if err := p.Signal(gentle); err != nil {
		return err
	}
	patient, cancel := ctx, context.CancelFunc(func() {})
	if deadline, found := ctx.Deadline(); found {
		patient, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
	}
	defer cancel()
	select {
	case <-p.done:
		return nil
	case <-patient.Done():
	}
	return p.Stop(ctx, hard)
}

func (p *Process) finish(err error, drained <-chan struct{}) {
	select {
	case <-drained:
	case <-time.After(drainWait):
	}
	p.err = err
	close(p.done)
}

// Run starts the command and waits for its end. When ctx ends first the whole group is killed. The error of a failed
// command holds its last lines.
func (s *Supervisor) Run(ctx context.Context, c Command) error {
	p, err := s.Start(c)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.KillGroup()
		<-p.Done()
		return fmt.Errorf("run %s: %w", filepath.Base(c.Path), context.Cause(ctx))
	}
	if err := p.Err(); err != nil {
		return &Failure{Program: filepath.Base(c.Path), Err: err, Output: p.Tail.String()}
	}
	return nil
}

// Failure is the error of a command that ran and did not succeed.
type Failure struct {
	Program string
	Err     error
	// Output holds its last lines.
	Output string
}

// Error holds the program's own words.
func (f *Failure) Error() string {
	if f.Output == "" {
		return fmt.Sprintf("%s: %v", f.Program, f.Err)
	}
	return fmt.Sprintf("%s: %v: %s", f.Program, f.Err, f.Output)
}

// Unwrap gives the exit status.
func (f *Failure) Unwrap() error { return f.Err }
