// Package proctitle reads what the children of a server say of themselves in their process titles: PostgreSQL and
// Pgpool-II show there who is served and what each process does. It costs the server nothing and works when it
// answers no question.
package proctitle

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a process and its title.
type Process struct {
	PID   int
	Title string
}

// ChildrenOf lists the children of a process in this PID namespace.
func ChildrenOf(parent int) []Process {
	var children []Process
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		if parentOf(entry) != parent {
			continue
		}
		if child, found := read(entry); found {
			children = append(children, child)
		}
	}
	return children
}

// Stopped waits until a process that was sent SIGSTOP has stopped, for so long at most, and reads its title then. It
// tells whether the process has stopped.
func Stopped(pid int, longest time.Duration) (Process, bool) {
	entry := filepath.Join("/proc", strconv.Itoa(pid))
	for deadline := time.Now().Add(longest); ; time.Sleep(time.Millisecond) {
		switch now := state(entry); {
		case now == "T":
			return read(entry)
		case now == "" || time.Now().After(deadline):
			return Process{}, false
		}
	}
}

// read reads the title; it tells whether the process is there.
func read(entry string) (Process, bool) {
	title, err := os.ReadFile(filepath.Join(entry, "cmdline"))
	if err != nil {
		return Process{}, false
	}
	pid, _ := strconv.Atoi(filepath.Base(entry))
	title = bytes.TrimRight(title, "\x00 ")
	return Process{PID: pid, Title: string(bytes.ReplaceAll(title, []byte{0}, []byte{' '}))}, true
}

// status reads the fields of /proc/PID/stat behind the name: pid (comm) state ppid …, where comm may hold anything.
func status(entry string) []string {
	stat, err := os.ReadFile(filepath.Join(entry, "stat"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// state is one letter, T for a process that was stopped by a signal; empty if the process is gone.
func state(entry string) string {
	fields := status(entry)
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// exiting is PF_EXITING (include/linux/sched.h): set before the kernel closes what the process had open.
const exiting = 0x4

// Exiting tells whether a process is gone or about to be.
func Exiting(pid int) bool {
	fields := status(filepath.Join("/proc", strconv.Itoa(pid)))
	if len(fields) < 7 {
		return true
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err == nil && flags&exiting != 0
}

func parentOf(entry string) int {
	fields := status(entry)
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
