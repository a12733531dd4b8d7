// Package host changes the machine: cgroups, links, namespaces, firewall and
// kernel settings. Everything here can be done twice, and undone.
package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupMount = "/sys/fs/cgroup"

// Cgroups is the cluster's own branch of the machine's cgroup tree. Whatever
// the cluster starts is in it, children and orphans included, so that nothing
// has to be found by its name.
type Cgroups struct {
	// Root is the branch's name, below each hierarchy.
	Root string
	// hierarchies are the mounted trees: one of version 2, or one per
	// controller of version 1.
	hierarchies []string
	// tracking is the tree in which members are counted.
	tracking string
	unified  bool
}

// OpenCgroups finds out which version the machine has.
func OpenCgroups(root string) (*Cgroups, error) {
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers")); err == nil {
		return &Cgroups{Root: root, hierarchies: []string{cgroupMount}, tracking: cgroupMount, unified: true}, nil
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find cgroups: %w", err)
	}
	defer mounts.Close()
	hierarchies, err := hierarchies(mounts)
	if err != nil {
		return nil, fmt.Errorf("find cgroups: %w", err)
	}
	for _, each := range hierarchies {
		if filepath.Base(each) == "pids" {
			return &Cgroups{Root: root, hierarchies: hierarchies, tracking: each}, nil
		}
	}
	return nil, errors.New("find cgroups: neither cgroup version 2 nor the version 1 controller pids is mounted below " + cgroupMount)
}

// hierarchies lists the mount points of all hierarchies. A machine with version 1
// may have one of version 2 beside it, where runc puts its groups as well.
func hierarchies(mountinfo io.Reader) ([]string, error) {
	var list []string
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		kind, _, _ := strings.Cut(after, " ")
		if found && (kind == "cgroup" || kind == "cgroup2") && len(fields) > 4 && !slices.Contains(list, fields[4]) {
			list = append(list, fields[4])
		}
	}
	return list, lines.Err()
}

// JoinFile is the file to which a process writes its pid to join a group.
func (c *Cgroups) JoinFile(group string) string {
	return filepath.Join(c.tracking, c.Root, group, "cgroup.procs")
}

// Exist says whether the branch is there: something was started, and down has not
// finished since.
func (c *Cgroups) Exist() bool {
	_, err := os.Stat(filepath.Join(c.tracking, c.Root))
	return err == nil
}

// Track makes a group whose members can be listed.
func (c *Cgroups) Track(group string) error {
	if err := os.MkdirAll(filepath.Join(c.tracking, c.Root, group), 0o755); err != nil {
		return fmt.Errorf("create cgroup %s: %w", group, err)
	}
	return nil
}

// Provide makes a group below which a kubelet can put its pods: it exists in
// every hierarchy, with every controller handed down to it.
func (c *Cgroups) Provide(group string) error {
	for _, hierarchy := range c.hierarchies {
		at := hierarchy
		for _, part := range strings.Split(filepath.Join(c.Root, group), "/") {
			if err := c.handDown(at); err != nil {
				return fmt.Errorf("provide cgroup %s: %w", group, err)
			}
			at = filepath.Join(at, part)
			if err := os.Mkdir(at, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("provide cgroup %s: %w", group, err)
			}
			if err := fillCPUSet(at); err != nil {
				return fmt.Errorf("provide cgroup %s: %w", group, err)
			}
		}
	}
	return nil
}

// handDown enables every controller of a version 2 group for its children.
func (c *Cgroups) handDown(dir string) error {
	if !c.unified {
		return nil
	}
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(available)) {
		err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
		if err != nil {
			return fmt.Errorf("enable controller %s in %s: %w", controller, dir, err)
		}
	}
	return nil
}

// fillCPUSet copies the parent's processors and memory nodes: a version 1
// cpuset starts empty, and an empty one takes no process.
func fillCPUSet(dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) || (err == nil && strings.TrimSpace(string(own)) != "") {
			continue
		}
		if err != nil {
			return err
		}
		parent, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // version 2: the root has none, and none is needed
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), parent, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Members are the processes of a group and all groups below it.
func (c *Cgroups) Members(group string) ([]int, error) {
	var members []int
	err := filepath.WalkDir(filepath.Join(c.tracking, c.Root, group), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // never made, or gone since the listing
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			return err
		}
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return err
			}
			members = append(members, pid)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list members of cgroup %s: %w", group, err)
	}
	return members, nil
}

// Kill kills every member of a group until none is left.
func (c *Cgroups) Kill(group string, patience time.Duration) error {
	var members []int
	gone := func() (bool, error) {
		var err error
		if members, err = c.Members(group); err != nil || len(members) == 0 {
			return err == nil, err
		}
		for _, pid := range members {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return false, fmt.Errorf("kill process %d: %w", pid, err)
			}
		}
		return false, nil
	}
	if ok, err := until(patience, gone); !ok || err != nil {
		return errors.Join(err, fmt.Errorf("processes %v of cgroup %s do not end, %s after they were killed", members, group, patience))
	}
	return nil
}

// Terminate asks the first process of every container in a group to end, and
// waits for all of them, at most as long as patience.
func (c *Cgroups) Terminate(group string, patience time.Duration) error {
	asked := map[int]bool{}
	gone := func() (bool, error) {
		members, err := c.Members(group)
		if err != nil {
			return false, err
		}
		left := 0
		for _, pid := range members {
			if !isInit(pid) {
				continue
			}
			left++
			if !asked[pid] {
				asked[pid] = true
				_ = unix.Kill(pid, unix.SIGTERM) // it may have ended by now
			}
		}
		return left == 0, nil
	}
	_, err := until(patience, gone) // what is left is killed by the caller
	return err
}

// isInit says whether a process is number 1 of a PID namespace of its own.
func isInit(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			pids := strings.Fields(list)
			return len(pids) > 1 && pids[len(pids)-1] == "1"
		}
	}
	return false
}

// Remove removes a group, which has no members left, from every hierarchy.
func (c *Cgroups) Remove(group string, patience time.Duration) error {
	var last error
	removed := func() (bool, error) {
		last = nil
		for _, hierarchy := range c.hierarchies {
			last = errors.Join(last, removeBranch(filepath.Join(hierarchy, c.Root, group)))
		}
		return last == nil, nil
	}
	if ok, _ := until(patience, removed); !ok {
		return fmt.Errorf("remove cgroup %s: %w", filepath.Join(c.Root, group), last)
	}
	return nil
}

// removeBranch removes a group's folder and those below it, deepest first.
func removeBranch(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeBranch(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	// Not RemoveAll: the kernel's own files in there cannot be removed.
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// until asks repeatedly, at most as long as patience, and returns the last answer.
func until(patience time.Duration, done func() (bool, error)) (bool, error) {
	const interval = 20 * time.Millisecond
	for deadline := time.Now().Add(patience); ; {
		ok, err := done()
		if ok || err != nil || time.Now().After(deadline) {
			return ok, err
		}
		time.Sleep(interval)
	}
}

// Siblings are other clusters' branches: groups beside this one whose names
// begin with a prefix.
func (c *Cgroups) Siblings(prefix string) ([]string, error) {
	entries, err := os.ReadDir(c.tracking)
	if err != nil {
		return nil, fmt.Errorf("list cgroups: %w", err)
	}
	var list []string
	for _, entry := range entries {
		if entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) && entry.Name() != c.Root {
			list = append(list, entry.Name())
		}
	}
	return list, nil
}
