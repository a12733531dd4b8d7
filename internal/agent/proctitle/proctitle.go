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
		title, err := os.ReadFile(filepath.Join(entry, "cmdline"))
		if err != nil {
			continue // it is gone
		}
		pid, _ := strconv.Atoi(filepath.Base(entry))
		title = bytes.TrimRight(title, "\x00 ")
		children = append(children, Process{PID: pid, Title: string(bytes.ReplaceAll(title, []byte{0}, []byte{' '}))})
	}
	return children
}

// parentOf reads the parent from /proc/PID/stat: pid (comm) state ppid …, where comm may hold anything.
func parentOf(entry string) int {
	stat, err := os.ReadFile(filepath.Join(entry, "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
