package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// MountsBelow lists what is mounted below a folder, as the machine sees it.
func MountsBelow(dir string) ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	defer file.Close()
	return mountsBelow(file, dir)
}

func mountsBelow(mountinfo io.Reader, dir string) ([]string, error) {
	var list []string
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 4 && (fields[4] == dir || strings.HasPrefix(fields[4], dir+"/")) {
			list = append(list, fields[4])
		}
	}
	return list, lines.Err()
}

// AwaitLoops waits until no loop device has a file below a folder any more. The
// kernel frees them with their last mount, a moment after its last process.
func AwaitLoops(dir string, patience time.Duration) error {
	var left []string
	gone, err := until(patience, func() (bool, error) {
		var err error
		left, err = loopsBelow(dir)
		return len(left) == 0, err
	})
	if err != nil {
		return fmt.Errorf("list loop devices: %w", err)
	}
	if !gone {
		return fmt.Errorf("loop devices %s still hold volumes below %s", strings.Join(left, ", "), dir)
	}
	return nil
}

func loopsBelow(dir string) ([]string, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, file := range files {
		backing, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // freed since the listing
		}
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(backing), dir+"/") {
			list = append(list, "/dev/"+strings.Split(file, "/")[3])
		}
	}
	return list, nil
}
