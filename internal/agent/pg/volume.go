package pg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// Volume is the member's volume. Data directories come into place only by renaming a completed one, so that a kill at
// any point leaves either the former state or the new one, and the names say which.
type Volume struct {
	// Dir is the mount point.
	Dir string
}

const (
	dataName   = "data"
	stagedName = "data.new"
	formerName = "data.former"
	// completeMark is written into a staged directory as its last file.
	completeMark = "matriarch.complete"
	standbyFile  = "standby.signal"
	lockName     = ".matriarch.lock"
)

// Data is the data directory's place.
func (v Volume) Data() string { return filepath.Join(v.Dir, dataName) }

// Staged is where a data directory is made before it comes into place.
func (v Volume) Staged() string { return filepath.Join(v.Dir, stagedName) }

// Former is where a data directory is moved when another takes its place.
func (v Volume) Former() string { return filepath.Join(v.Dir, formerName) }

// State is for files of the agent that stay with the data.
func (v Volume) State() string { return filepath.Join(v.Dir, ".matriarch") }

// Lock makes sure that no other agent on this node uses the volume; it holds until the file is closed. That is what
// makes it safe to remove a leftover postmaster.pid: a container's processes have the same few numbers each time, so
// PostgreSQL itself cannot tell a leftover from a living postmaster.
func (v Volume) Lock() (io.Closer, error) {
	file, err := os.OpenFile(filepath.Join(v.Dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the volume: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("lock the volume %s: another agent uses it: %w", v.Dir, err)
	}
	return file, nil
}

// Contents is what a directory holds.
type Contents struct {
	Empty   bool
	Cluster bool
	// SystemID, of a cluster.
	SystemID string
	// Standby tells that it would start as a standby.
	Standby bool
}

// Look examines a directory, which need not exist.
func (v Volume) Look(ctx context.Context, sup *supervise.Supervisor, programs Programs, dir string) (Contents, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return Contents{Empty: true}, nil
	}
	if err != nil {
		return Contents{}, fmt.Errorf("look into %s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "global", "pg_control")); errors.Is(err, fs.ErrNotExist) {
		return Contents{}, nil
	}
	values, err := controlData(ctx, sup, programs, dir)
	if err != nil {
		return Contents{}, err
	}
	_, err = os.Stat(filepath.Join(dir, standbyFile))
	return Contents{Cluster: true, SystemID: values["Database system identifier"], Standby: err == nil}, nil
}

// controlData runs pg_controldata.
func controlData(ctx context.Context, sup *supervise.Supervisor, programs Programs, dir string) (map[string]string, error) {
	var answer strings.Builder
	err := sup.Run(ctx, supervise.Command{Path: programs.Path("pg_controldata"), Args: []string{"-D", dir},
		Env: []string{"LC_ALL=C"}, Stdout: &answer, Quiet: true})
	if err != nil {
		return nil, fmt.Errorf("read the control file of %s: %w", dir, err)
	}
	values := map[string]string{}
	for line := range strings.Lines(answer.String()) {
		if name, value, found := strings.Cut(line, ":"); found {
			values[name] = strings.TrimSpace(value)
		}
	}
	return values, nil
}

// Stage makes the staged directory anew, empty.
func (v Volume) Stage() error {
	if err := os.RemoveAll(v.Staged()); err != nil {
		return fmt.Errorf("clear %s: %w", v.Staged(), err)
	}
	if err := os.Mkdir(v.Staged(), 0o700); err != nil {
		return fmt.Errorf("make %s: %w", v.Staged(), err)
	}
	return nil
}

// StagedComplete tells whether the staged directory was completed.
func (v Volume) StagedComplete() bool {
	_, err := os.Stat(filepath.Join(v.Staged(), completeMark))
	return err == nil
}

// Complete flushes the staged directory to disk and then marks it complete.
func (v Volume) Complete() error {
	if err := syncFS(v.Dir); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(v.Staged(), completeMark), nil, 0o600); err != nil {
		return fmt.Errorf("mark %s complete: %w", v.Staged(), err)
	}
	return syncFS(v.Dir)
}

// Adopt puts the completed staged directory into place. What was there is moved aside first and removed last.
func (v Volume) Adopt() error {
	if err := os.RemoveAll(v.Former()); err != nil {
		return fmt.Errorf("clear %s: %w", v.Former(), err)
	}
	if err := os.Rename(v.Data(), v.Former()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move the data directory aside: %w", err)
	}
	if err := os.Rename(v.Staged(), v.Data()); err != nil {
		return fmt.Errorf("put the new data directory into place: %w", err)
	}
	if err := syncFS(v.Dir); err != nil {
		return err
	}
	return v.Tidy()
}

// Tidy removes what is no longer needed once the data directory is in place.
func (v Volume) Tidy() error {
	_ = os.Remove(filepath.Join(v.Data(), completeMark))
	if err := errors.Join(os.RemoveAll(v.Staged()), os.RemoveAll(v.Former())); err != nil {
		return fmt.Errorf("remove what is not in use beside the data directory: %w", err)
	}
	return nil
}

// RestoreFormer puts back the directory that was moved aside.
func (v Volume) RestoreFormer() error {
	if err := os.Rename(v.Former(), v.Data()); err != nil {
		return fmt.Errorf("put the former data directory back: %w", err)
	}
	return syncFS(v.Dir)
}

// Free is the space left on the volume, in bytes.
func (v Volume) Free() (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(v.Dir, &stat); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", v.Dir, err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil
}

// HasFormer tells whether a directory was moved aside.
func (v Volume) HasFormer() bool {
	_, err := os.Stat(v.Former())
	return err == nil
}

// Drop removes the data directory, for a clone that has no room beside it.
func (v Volume) Drop() error {
	if err := os.RemoveAll(v.Data()); err != nil {
		return fmt.Errorf("remove the data directory: %w", err)
	}
	return nil
}

func syncFS(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("flush %s: %w", dir, err)
	}
	defer file.Close()
	if err := unix.Syncfs(int(file.Fd())); err != nil {
		return fmt.Errorf("flush %s: %w", dir, err)
	}
	return nil
}
