package supervise

import (
	"bytes"
	"io"
	"sync"
)

// lineWriter passes whole lines on, so that those of several processes do not run into each other.
type lineWriter struct {
	mu   *sync.Mutex // of all that write to out
	out  io.Writer
	open []byte
}

// openMax is how long a line may become before it is passed on in pieces.
const openMax = 64 << 10

// Write never fails: a log that nobody takes is no reason to stop a server.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.open = append(w.open, p...)
	end := bytes.LastIndexByte(w.open, '\n') + 1
	if end == 0 && len(w.open) > openMax {
		end = len(w.open)
	}
	if end > 0 {
		w.mu.Lock()
		_, _ = w.out.Write(w.open[:end])
		w.mu.Unlock()
		w.open = append(w.open[:0], w.open[end:]...)
	}
	return len(p), nil
}
