package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maxLog is the size at which a component's log is moved aside; one older part
// is kept.
const maxLog = 64 << 20

func openLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// note adds a line of the supervisor's own to a component's log. A full disk
// must not keep a component from being restarted, so failures are dropped.
func note(path, text string) {
	log, err := openLog(path)
	if err != nil {
		return
	}
	defer log.Close()
	fmt.Fprintf(log, "--- %s matriarch-local: %s\n", time.Now().UTC().Format(time.RFC3339), text)
}

// TrimLogs bounds the components' logs in a folder until the context ends.
// The file "own" is left to the component that rotates it itself.
func TrimLogs(ctx context.Context, dir, own string) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			logs, _ := filepath.Glob(filepath.Join(dir, "*.log")) // the pattern is valid
			for _, log := range logs {
				if log == own {
					continue
				}
				if err := trim(log, maxLog); err != nil {
					fmt.Fprintln(os.Stderr, "trim log:", err)
				}
			}
		}
	}
}

// trim copies a log that has grown too large to NAME.1 and empties it. It is
// emptied in place because its writer holds it open, appending.
func trim(path string, limit int64) error {
	log, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil || info.Size() <= limit {
		return err
	}
	old, err := os.Create(path + ".1")
	if err != nil {
		return err
	}
	_, err = io.Copy(old, log)
	return errors.Join(err, old.Close(), log.Truncate(0))
}
