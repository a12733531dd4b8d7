package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	mebibyte = 1 << 20
	// minimumSize is what mkfs.xfs insists on.
	minimumSize = 300 * mebibyte
)

// roundUp is the size that a volume gets for a request: at least what XFS
// needs, in whole mebibytes. A limit of 0 is none.
func roundUp(required, limit int64) (int64, error) {
	size := max(required, minimumSize)
	size = (size + mebibyte - 1) / mebibyte * mebibyte
	if limit > 0 && size > limit {
		return 0, status.Errorf(codes.OutOfRange, "a volume of %d bytes needs %d with its file system, the limit is %d", required, size, limit)
	}
	return size, nil
}

// validID is what the provisioner calls its volumes; nothing else may become
// part of a path.
var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,127}$`)

// store keeps each volume as DIR/ID.img.
type store struct{ dir string }

func (s store) path(id string) (string, error) {
	if !validID.MatchString(id) {
		return "", status.Errorf(codes.NotFound, "volume %q: no such volume", id)
	}
	return filepath.Join(s.dir, id+".img"), nil
}

// size is the size of a volume, or an error with code NotFound.
func (s store) size(id string) (int64, error) {
	path, err := s.path(id)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, status.Errorf(codes.NotFound, "volume %s: no such volume", id)
	}
	if err != nil {
		return 0, status.Errorf(codes.Internal, "volume %s: %v", id, err)
	}
	return info.Size(), nil
}

// create makes a formatted volume. It appears under its name when it is
// complete: a node never has to ask whether a format was interrupted.
func (s store) create(ctx context.Context, id string, size int64) error {
	path, err := s.path(id)
	if err != nil {
		return err
	}
	unfinished := path + ".new"
	if err := s.format(ctx, unfinished, size); err != nil {
		return status.Errorf(codes.Internal, "create volume %s: %v", id, err)
	}
	if err := os.Rename(unfinished, path); err != nil {
		return status.Errorf(codes.Internal, "create volume %s: %v", id, err)
	}
	return nil
}

func (s store) format(ctx context.Context, path string, size int64) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return err
	}
	return run(ctx, "mkfs.xfs", "-q", "-f", path)
}

// grow enlarges the file; a volume never shrinks.
func (s store) grow(id string, size int64) (int64, error) {
	have, err := s.size(id)
	if err != nil || have >= size {
		return have, err
	}
	path, err := s.path(id)
	if err != nil {
		return 0, err
	}
	if err := os.Truncate(path, size); err != nil {
		return 0, status.Errorf(codes.Internal, "enlarge volume %s: %v", id, err)
	}
	return size, nil
}

func (s store) remove(id string) error {
	path, err := s.path(id)
	if err != nil {
		return nil // never made here, so it is gone
	}
	for _, each := range []string{path + ".new", path} {
		if err := os.Remove(each); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return status.Errorf(codes.Internal, "delete volume %s: %v", id, err)
		}
	}
	return nil
}

// run executes a program and reports its words when it fails.
func run(ctx context.Context, program string, args ...string) error {
	output, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
