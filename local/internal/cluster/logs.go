package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tail is the last lines of a file; "" if there is none.
func tail(path string, lines int) (string, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := end(file, lines)
	return string(data), err
}

// end reads the last lines of a file and leaves it positioned at its end. It
// looks at no more than a mebibyte.
func end(file *os.File, lines int) ([]byte, error) {
	const window = 1 << 20
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(max(0, info.Size()-window), io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return lastLines(data, lines), nil
}

func lastLines(data []byte, lines int) []byte {
	at := len(bytes.TrimRight(data, "\n"))
	for ; lines > 0 && at >= 0; lines-- {
		at = bytes.LastIndexByte(data[:at], '\n')
	}
	return data[at+1:]
}

// Logs prints the end of a component's log and, with follow, what is added to
// it until the context ends.
func (c *Cluster) Logs(ctx context.Context, writer io.Writer, name string, lines int, follow bool) error {
	file, err := os.Open(c.State.Log(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no log of %q; there are: %s", name, strings.Join(c.logNames(), " "))
	}
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := end(file, lines)
	if err != nil {
		return err
	}
	if _, err := writer.Write(data); err != nil || !follow {
		return err
	}
	for ctx.Err() == nil {
		if _, err := io.Copy(writer, file); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
	return nil
}

func (c *Cluster) logNames() []string {
	paths, _ := filepath.Glob(filepath.Join(c.State.Logs(), "*.log")) // the pattern is valid
	for i, path := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(path), ".log")
	}
	return paths
}
