package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/matriarchdb/matriarch/local/internal/atomicfile"
	"github.com/matriarchdb/matriarch/local/internal/component"
)

// Record is what is noted of a started process.
type Record struct {
	Identity
	Spec component.Spec `json:"spec"`
	// Restarts counts how often it was started again after it had died.
	Restarts int `json:"restarts"`
}

// Records is a folder of records, one file per component.
type Records string

func (r Records) path(name string) string { return filepath.Join(string(r), name+".json") }

// Put notes a process.
func (r Records) Put(record Record) error {
	data, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("note process %s: %w", record.Spec.Name, err)
	}
	return atomicfile.Write(r.path(record.Spec.Name), data, 0o600)
}

// Delete forgets a process.
func (r Records) Delete(name string) error {
	if err := os.Remove(r.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget process %s: %w", name, err)
	}
	return nil
}

// Get is the record of a component, and whether there is one. An unreadable
// record counts as none: what it stood for is still found by its cgroup.
func (r Records) Get(name string) (Record, bool) {
	data, err := os.ReadFile(r.path(name))
	if err != nil {
		return Record{}, false
	}
	var record Record
	return record, json.Unmarshal(data, &record) == nil
}

// List is every record, by name.
func (r Records) List() ([]Record, error) {
	entries, err := os.ReadDir(string(r))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var list []Record
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".json")
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		if record, ok := r.Get(name); ok {
			list = append(list, record)
		}
	}
	return list, nil
}
