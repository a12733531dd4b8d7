package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Files are contents by name.
type Files map[string][]byte

// Hash identifies the files as report.HashFiles does; empty for none.
func (f Files) Hash() string {
	if f == nil {
		return ""
	}
	return report.HashFiles(f)
}

// Split separates a Secret's present files from the former ones that it keeps under naming.PrevSuffix. Former files
// complete: a file without a former content counts as unchanged. They are nil when nothing former is kept.
func Split(data map[string][]byte) (present, former Files) {
	present = Files{}
	prev := Files{}
	for key, content := range data {
		if name, isPrev := strings.CutSuffix(key, naming.PrevSuffix); isPrev {
			prev[name] = content
		} else {
			present[key] = content
		}
	}
	if len(prev) == 0 {
		return present, nil
	}
	former = maps.Clone(present)
	maps.Copy(former, prev)
	return present, former
}

// WriteFile replaces a file as a whole: after a kill at any point it has either the old or the new content.
func WriteFile(path string, content []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(temp.Name()) // of no effect once it is renamed
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// WriteInPlace changes the content of a file that a process keeps open and reads again through that descriptor. The
// new content goes over the old one in one write, then the length is cut, so a reader in between sees at worst
// leftovers of the old content behind the new.
func WriteInPlace(path string, content []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.WriteAt(content, 0)
	err = errors.Join(err, file.Truncate(int64(len(content))), file.Chmod(mode), file.Sync(), file.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// RemoveFile removes a file if it is there.
func RemoveFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}
