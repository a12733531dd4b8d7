package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/matriarchdb/matriarch/local/internal/atomicfile"
)

// atLeast are kernel settings that the cluster needs. The machine's defaults
// for inotify do not last for three kubelets and their pods.
var atLeast = map[string]int{
	"net/ipv4/ip_forward":           1,
	"fs/inotify/max_user_instances": 8192,
	"fs/inotify/max_user_watches":   524288,
}

// byKubelet are kernel settings that a kubelet changes by itself when it starts.
var byKubelet = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// Settings are what was changed on the machine itself, with the old values, so
// that it can be put back. They are noted before the change.
type Settings struct {
	// Kernel has the old value of each changed setting, by its path below /proc/sys.
	Kernel map[string]string `json:"kernel"`
	// Folders were created, outermost first.
	Folders []string `json:"folders"`
}

func settingsFile(dir string) string { return filepath.Join(dir, "changes.json") }

// readSettings returns settings without a map when nothing was changed yet.
func readSettings(dir string) (Settings, error) {
	data, err := os.ReadFile(settingsFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("read what was changed on this machine: %w", err)
	}
	var settings Settings
	if err := json.Unmarshal(data, &settings); err != nil {
		return Settings{}, fmt.Errorf("read what was changed on this machine: %s: %w", settingsFile(dir), err)
	}
	return settings, nil
}

func (s Settings) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("note what is changed on this machine: %w", err)
	}
	return atomicfile.Write(settingsFile(dir), data, 0o600)
}

// locked does something while no other cluster changes the machine.
func locked(dir string, do func() error) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("lock this machine's settings: %w", err)
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("lock this machine's settings: %w", err)
	}
	defer folder.Close()
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock this machine's settings: %w", err)
	}
	return do()
}

// Adjust changes kernel settings and creates mount points, noting in the folder
// dir how the machine was before the first cluster did so.
func Adjust(dir string, mountPoints []string) error {
	return locked(dir, func() error {
		settings, err := readSettings(dir)
		if err != nil {
			return err
		}
		if settings.Kernel == nil {
			if settings.Kernel, err = kernelValues(); err != nil {
				return err
			}
		}
		for _, point := range mountPoints {
			settings.Folders = append(settings.Folders, missing(point)...)
		}
		if err := settings.write(dir); err != nil {
			return err
		}
		for _, point := range mountPoints {
			if err := os.MkdirAll(point, 0o755); err != nil {
				return fmt.Errorf("create mount point %s: %w", point, err)
			}
		}
		return raise()
	})
}

// kernelValues reads every setting that is going to change.
func kernelValues() (map[string]string, error) {
	values := map[string]string{}
	names := byKubelet
	for name := range atLeast {
		names = append(names[:len(names):len(names)], name)
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join("/proc/sys", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read kernel setting %s: %w", name, err)
		}
		values[name] = strings.TrimSpace(string(data))
	}
	return values, nil
}

func raise() error {
	for name, want := range atLeast {
		path := filepath.Join("/proc/sys", name)
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read kernel setting %s: %w", name, err)
		}
		if have, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && have >= want {
			continue
		}
		if err := os.WriteFile(path, []byte(strconv.Itoa(want)), 0o644); err != nil {
			return fmt.Errorf("set kernel setting %s to %d: %w", name, want, err)
		}
	}
	return nil
}

// missing lists the folders that have to be made for path, outermost first.
func missing(path string) []string {
	var list []string
	for ; path != "/"; path = filepath.Dir(path) {
		if _, err := os.Stat(path); err == nil {
			break
		}
		list = append([]string{path}, list...)
	}
	return list
}

// Restore puts the machine's settings back and removes the folders that were
// created, unless they are still needed. A folder that somebody has put
// something into stays.
func Restore(dir string, needed func() (bool, error)) error {
	return locked(dir, func() error {
		if keep, err := needed(); err != nil || keep {
			return err
		}
		settings, err := readSettings(dir)
		if err != nil {
			return err
		}
		for name, old := range settings.Kernel {
			if err := putBack(filepath.Join("/proc/sys", name), old); err != nil {
				return fmt.Errorf("put kernel setting %s back: %w", name, err)
			}
		}
		for i := len(settings.Folders) - 1; i >= 0; i-- {
			_ = os.Remove(settings.Folders[i])
		}
		return os.RemoveAll(dir)
	})
}

func putBack(path, old string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(data)) == old {
		return nil
	}
	return os.WriteFile(path, []byte(old), 0o644)
}
