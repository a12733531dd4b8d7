package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// mountSource finds what is mounted on path, last mount first; "" is nothing.
// The text is /proc/self/mountinfo.
func mountSource(mountinfo io.Reader, path string) (string, error) {
	source := ""
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		separator := 0
		for i, field := range fields {
			if field == "-" {
				separator = i
				break
			}
		}
		if separator < 5 || len(fields) < separator+3 {
			return "", fmt.Errorf("unexpected line in mountinfo: %q", lines.Text())
		}
		if unescape(fields[4]) == path {
			source = fields[separator+2]
		}
	}
	return source, lines.Err()
}

// unescape undoes the kernel's octal escapes of blank, tab, newline and backslash.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// mountedOn is mountSource for this process's own mounts.
func mountedOn(path string) (string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer file.Close()
	return mountSource(file, path)
}

// mountFile mounts a volume's file. mount sets up the loop device so that the
// kernel frees it with the mount, however that ends; nouuid, because the same
// file system may still be on its way out elsewhere.
func mountFile(ctx context.Context, file, target string) error {
	if source, err := mountedOn(target); err != nil || source != "" {
		return err
	}
	if err := os.MkdirAll(target, 0o750); err != nil {
		return err
	}
	return run(ctx, "mount", "-t", "xfs", "-o", "loop,nouuid", file, target)
}

func bindMount(ctx context.Context, source, target string, readonly bool) error {
	if mounted, err := mountedOn(target); err != nil || mounted != "" {
		return err
	}
	if err := os.MkdirAll(target, 0o750); err != nil {
		return err
	}
	options := "bind"
	if readonly {
		options += ",ro"
	}
	return run(ctx, "mount", "-o", options, source, target)
}

// unmount takes a mount away, if there is one.
func unmount(ctx context.Context, target string) error {
	source, err := mountedOn(target)
	if err != nil || source == "" {
		return err
	}
	return run(ctx, "umount", target)
}

// removeTarget removes a mount point that is no longer one.
func removeTarget(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// growMounted makes loop device and file system as large as the file.
func growMounted(ctx context.Context, path string) error {
	device, err := mountedOn(path)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(device, "/dev/loop") {
		return fmt.Errorf("%s is not a mounted volume", path)
	}
	if err := run(ctx, "losetup", "-c", device); err != nil {
		return err
	}
	return run(ctx, "xfs_growfs", path)
}
