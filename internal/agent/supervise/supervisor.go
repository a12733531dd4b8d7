package supervise

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supervisor starts processes and knows its own children from the orphans that a container's PID 1 inherits.
type Supervisor struct {
	out io.Writer

	mu   sync.Mutex // held while a child is started, so that the reaper never sees one that is not known yet
	mine map[int]bool
	kick chan struct{}

	printing sync.Mutex
}

// New returns a Supervisor whose children's output is passed on to out.
func New(out io.Writer) *Supervisor {
	return &Supervisor{out: out, mine: map[int]bool{}, kick: make(chan struct{}, 1)}
}

// Command says what to run.
type Command struct {
	Path string
	Args []string // without the name of the program
	// Env is added to the agent's own environment.
	Env []string
	Dir string
	// Stdin may be nil.
	Stdin io.Reader
	// Quiet keeps the output out of the agent's own; it is in the Process's Tail all the same.
	Quiet bool
	// Stdout, when set, receives the standard output instead of the log and the Tail.
	Stdout io.Writer
	// Note, when set, is called with each line that goes into the Tail; it must not block.
	Note func(line string)
}

// Start starts the command in a process group of its own.
func (s *Supervisor) Start(c Command) (*Process, error) {
	p := &Process{Tail: NewTail(tailLines), path: c.Path, done: make(chan struct{})}
	p.Tail.note = c.Note
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	cmd.Stdin = c.Stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	sink := io.Writer(p.Tail)
	if !c.Quiet {
		sink = io.MultiWriter(p.Tail, &lineWriter{mu: &s.printing, out: s.out})
	}
	// A pipe of our own instead of cmd's: Wait then returns when the child dies and not when the last of its
	// orphans closes the pipe.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	cmd.Stderr = write
	cmd.Stdout = write
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	err = s.start(cmd)
	write.Close()
	if err != nil {
		read.Close()
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	p.pid = cmd.Process.Pid
	drained := make(chan struct{})
	go func() {
		_, _ = io.Copy(sink, read)
		read.Close()
		close(drained)
	}()
	go s.wait(cmd, p, drained)
	return p, nil
}

func (s *Supervisor) start(cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	s.mine[cmd.Process.Pid] = true
	return nil
}

func (s *Supervisor) wait(cmd *exec.Cmd, p *Process, drained <-chan struct{}) {
	err := cmd.Wait()
	p.buryGroup()
	s.mu.Lock()
	delete(s.mine, p.pid)
	s.mu.Unlock()
	select { // an orphan may have waited behind this child
	case s.kick <- struct{}{}:
	default:
	}
	p.finish(err, drained)
}

// Reap collects orphans until ctx ends. Only PID 1 of a container has any, so only it need call Reap.
func (s *Supervisor) Reap(ctx context.Context) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		s.reapOrphans()
		select {
		case <-ctx.Done():
			return
		case <-died:
		case <-s.kick:
		}
	}
}

// reapOrphans looks at dead children without collecting them and collects those that nobody else waits for. It stops
// at a child of our own: its waiter collects it and kicks the reaper again.
func (s *Supervisor) reapOrphans() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		pid := siginfoPID(&info)
		if err != nil || pid == 0 || s.mine[pid] {
			return
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// siginfoPID reads si_pid, which package unix does not name: on 64-bit Linux it follows three ints and a padding.
func siginfoPID(info *unix.Siginfo) int {
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), 16)))
}
