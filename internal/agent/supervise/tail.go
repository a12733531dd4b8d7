package supervise

import (
	"bytes"
	"strings"
	"sync"
)

// lineMax cuts what is kept of one line: a report is an annotation and must stay small.
const lineMax = 512

// Tail keeps the last lines written to it. It may be written and read at the same time.
type Tail struct {
	mu    sync.Mutex
	keep  int
	lines []string
	open  []byte // the line not ended yet
	note  func(line string)
}

// NewTail returns a Tail that keeps so many lines.
func NewTail(lines int) *Tail { return &Tail{keep: lines} }

// Write takes in text in pieces of any size; it cannot fail.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := p
	for {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		t.grow(rest[:end])
		t.push()
		rest = rest[end+1:]
	}
	t.grow(rest)
	return len(p), nil
}

// Lines returns the last lines, the oldest first, with the one that has not ended yet.
func (t *Tail) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := append([]string(nil), t.lines...)
	if len(t.open) > 0 {
		out = append(out, string(t.open))
	}
	return out
}

// String joins Lines.
func (t *Tail) String() string { return strings.Join(t.Lines(), "\n") }

func (t *Tail) grow(p []byte) {
	if room := lineMax - len(t.open); len(p) > room {
		p = p[:room]
	}
	t.open = append(t.open, p...)
}

func (t *Tail) push() {
	line := string(bytes.TrimRight(t.open, "\r"))
	t.open = t.open[:0]
	if line == "" {
		return
	}
	if t.note != nil {
		t.note(line)
	}
	if len(t.lines) == t.keep {
		copy(t.lines, t.lines[1:])
		t.lines = t.lines[:t.keep-1]
	}
	t.lines = append(t.lines, line)
}
