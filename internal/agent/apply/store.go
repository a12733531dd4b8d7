package apply

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Store keeps the set in force on disk, so that a restarted agent can start its server while the API server is away.
type Store struct {
	// Dir must be on a file system that is as confidential as the files.
	Dir string
}

const (
	configDir      = "config"
	credentialsDir = "credentials"
	generationLink = "current"
)

// Save keeps a set in place of the one kept before; a kill in between leaves the former one.
func (s Store) Save(set Set) error {
	name := set.Config.Hash() + "-" + set.Credentials.Hash()
	link := filepath.Join(s.Dir, generationLink)
	if old, err := os.Readlink(link); err == nil && old == name {
		return nil
	}
	generation := filepath.Join(s.Dir, name)
	err := errors.Join(saveFiles(filepath.Join(generation, configDir), set.Config),
		saveFiles(filepath.Join(generation, credentialsDir), set.Credentials))
	if err != nil {
		return err
	}
	temp := link + ".new"
	_ = os.Remove(temp)
	if err := errors.Join(os.Symlink(name, temp), os.Rename(temp, link)); err != nil {
		return fmt.Errorf("keep the files in force in %s: %w", s.Dir, err)
	}
	s.prune(name)
	return nil
}

// Load returns the set kept last.
func (s Store) Load() (Set, bool) {
	generation := filepath.Join(s.Dir, generationLink)
	config, err := loadFiles(filepath.Join(generation, configDir))
	if err != nil || len(config) == 0 {
		return Set{}, false
	}
	credentials, err := loadFiles(filepath.Join(generation, credentialsDir))
	if err != nil {
		return Set{}, false
	}
	return Set{Config: config, Credentials: credentials}, true
}

func (s Store) prune(keep string) {
	entries, _ := os.ReadDir(s.Dir)
	for _, entry := range entries {
		if entry.Name() != keep && entry.Name() != generationLink {
			_ = os.RemoveAll(filepath.Join(s.Dir, entry.Name()))
		}
	}
}

func saveFiles(dir string, files Files) error {
	if files == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the files in force: %w", err)
	}
	for name, content := range files {
		if err := WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func loadFiles(dir string) (Files, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files := Files{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		files[entry.Name()] = content
	}
	return files, nil
}
