package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Lock makes this process the only one that writes to the folder, and removes what a killed one left behind. It calls
// waiting once if another process has the folder. The lock goes with the process, however that ends.
func (d Dir) Lock(waiting func()) (release func(), err error) {
	for _, dir := range []string{string(d), d.Blobs(), d.Logs(), d.Programs()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the folder for images: %w", err)
		}
	}
	file, err := os.OpenFile(d.File(".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the folder for images: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		waiting()
		err = flock(int(file.Fd()))
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock the folder for images: %w", err)
	}
	if err := d.sweep(); err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}

func flock(fd int) error {
	for {
		if err := unix.Flock(fd, unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// sweep removes unfinished files. Nothing is mounted below the scratch folder in this process's view: builds have their
// own mounts, which went with them.
func (d Dir) sweep() error {
	if err := os.RemoveAll(d.Scratch()); err != nil {
		return fmt.Errorf("remove an unfinished build: %w", err)
	}
	if err := os.MkdirAll(d.Scratch(), 0o755); err != nil {
		return fmt.Errorf("make the folder for unfinished builds: %w", err)
	}
	for _, pattern := range []string{d.File(".image-*"), filepath.Join(d.Blobs(), ".layer-*")} {
		unfinished, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("find unfinished files: %w", err)
		}
		for _, file := range unfinished {
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("remove an unfinished file: %w", err)
			}
		}
	}
	return nil
}

// Prune removes archives and layers that the index does not name.
func (d Dir) Prune(index Index) error {
	named := map[string]bool{}
	for _, image := range index.Images {
		named[d.File(image.Tar)] = true
	}
	for _, base := range index.Bases {
		named[base.File(d.Blobs())] = true
	}
	for _, pattern := range []string{d.File("*.tar"), filepath.Join(d.Blobs(), "*.tar.zst")} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("find old images: %w", err)
		}
		for _, file := range files {
			if named[file] {
				continue
			}
			if err := os.Remove(file); err != nil {
				return fmt.Errorf("remove an old image: %w", err)
			}
		}
	}
	return nil
}

// TarName is the file name of an image's archive: its key is part of it, so a new one never overwrites the one that a
// loader is reading.
func TarName(id, key string) string {
	return strings.ReplaceAll(id, ":", "-") + "-" + key[:12] + ".tar"
}
