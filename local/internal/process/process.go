// Package process identifies, starts and ends processes of the cluster. A
// process is known by its pid, its start time and the machine's boot, never by
// its name: a pid alone may by now belong to someone else.
package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Identity is one process of one boot of the machine.
type Identity struct {
	PID       int    `json:"pid"`
	StartTime uint64 `json:"startTime"` // clock ticks since boot
	Boot      string `json:"boot"`
}

// Boot identifies the machine's current boot.
func Boot() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("identify the boot: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// Identify reads who runs under a pid now.
func Identify(pid int) (Identity, error) {
	boot, err := Boot()
	if err != nil {
		return Identity{}, err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Identity{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	state, start, err := parseStat(string(stat))
	if err != nil {
		return Identity{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	if state == "Z" || state == "X" {
		return Identity{}, fmt.Errorf("identify process %d: it has ended", pid)
	}
	return Identity{PID: pid, StartTime: start, Boot: boot}, nil
}

// parseStat reads state and start time (fields 3 and 22) of /proc/PID/stat. The
// second field is a name in parentheses which may itself hold any character.
func parseStat(stat string) (state string, start uint64, err error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return "", 0, fmt.Errorf("unexpected content %q", stat)
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 20 {
		return "", 0, fmt.Errorf("unexpected content %q", stat)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return fields[0], start, err
}

// Alive says whether exactly this process still runs.
func (i Identity) Alive() bool {
	now, err := Identify(i.PID)
	return err == nil && now == i
}

// Started is the time at which the process was started.
func (i Identity) Started() (time.Time, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return time.Time{}, fmt.Errorf("read the boot clock: %w", err)
	}
	const ticksPerSecond = 100 // USER_HZ, fixed on every Linux
	age := time.Duration(now.Nano()) - time.Duration(i.StartTime)*time.Second/ticksPerSecond
	return time.Now().Add(-age), nil
}

// Handle refers to a process such that it cannot be confused with a later one.
type Handle struct{ fd int }

// Open takes hold of a process; it fails when the process has ended.
func (i Identity) Open() (*Handle, error) {
	fd, err := unix.PidfdOpen(i.PID, 0)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", i.PID, err)
	}
	// Only now is it certain whom the descriptor refers to.
	if !i.Alive() {
		unix.Close(fd)
		return nil, fmt.Errorf("process %d has ended", i.PID)
	}
	return &Handle{fd: fd}, nil
}

// Close lets go of the process.
func (h *Handle) Close() { unix.Close(h.fd) }

// Signal sends a signal; a process that has ended is no error.
func (h *Handle) Signal(signal unix.Signal) error {
	if err := unix.PidfdSendSignal(h.fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// Wait returns true when the process has ended, false when the time is over
// first. A negative timeout waits for ever.
func (h *Handle) Wait(timeout time.Duration) (bool, error) {
	deadline := time.Now().Add(timeout)
	for {
		milliseconds := -1
		if timeout >= 0 {
			milliseconds = int(max(0, time.Until(deadline)).Milliseconds())
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(h.fd), Events: unix.POLLIN}}, milliseconds)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return n > 0, err
	}
}

// Stop asks the process to end, and kills it after the grace period.
func (i Identity) Stop(grace time.Duration) error {
	handle, err := i.Open()
	if err != nil {
		return nil // it has ended
	}
	defer handle.Close()
	if err := handle.Signal(unix.SIGTERM); err != nil {
		return fmt.Errorf("stop process %d: %w", i.PID, err)
	}
	if ended, err := handle.Wait(grace); ended || err != nil {
		return err
	}
	if err := handle.Signal(unix.SIGKILL); err != nil {
		return fmt.Errorf("kill process %d: %w", i.PID, err)
	}
	const unkillable = 10 * time.Second
	ended, err := handle.Wait(unkillable)
	if err == nil && !ended {
		err = fmt.Errorf("process %d does not end, %s after it was killed", i.PID, unkillable)
	}
	return err
}
