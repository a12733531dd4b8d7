package cluster

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress prints one line per finished piece of work.
type progress struct {
	mutex  sync.Mutex
	writer io.Writer
	begin  time.Time
}

func newProgress(writer io.Writer) *progress { return &progress{writer: writer, begin: time.Now()} }

// done reports what became of a component that was worked on since begin.
func (p *progress) done(name, outcome string, begin time.Time) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	fmt.Fprintf(p.writer, "%-26s %-10s %6.1f s\n", name, outcome, time.Since(begin).Seconds())
}

// say prints a line as it is.
func (p *progress) say(format string, values ...any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	fmt.Fprintf(p.writer, format+"\n", values...)
}

func (p *progress) total(what string) { p.done(what, "", p.begin) }
