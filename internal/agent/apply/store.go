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
	// Memory is a folder in memory that lives as long as the pod: private keys are never kept on a disk. Without it no
	// certificates are kept.
	Memory string
}

const (
	configDir      = "config"
	credentialsDir = "credentials"
	certsDir       = "certificates"
	generationLink = "current"
)

// Save keeps a set in place of the one kept before; a kill in between leaves the former one.
func (s Store) Save(set Set) error {
	err := saveGeneration(s.Dir, set.Config.Hash()+"-"+set.Credentials.Hash(),
		map[string]Files{configDir: set.Config, credentialsDir: set.Credentials})
	if err != nil || s.Memory == "" {
		return err
	}
	return saveGeneration(s.Memory, "of-"+set.Certificates.Hash(), map[string]Files{certsDir: set.Certificates})
}

func saveGeneration(dir, name string, folders map[string]Files) error {
	link := filepath.Join(dir, generationLink)
	if old, err := os.Readlink(link); err == nil && old == name {
		return nil
	}
	generation := filepath.Join(dir, name)
	err := os.MkdirAll(generation, 0o700)
	for folder, files := range folders {
		err = errors.Join(err, saveFiles(filepath.Join(generation, folder), files))
	}
	if err != nil {
		return err
	}
	temp := link + ".new"
	_ = os.Remove(temp)
	if err := errors.Join(os.Symlink(name, temp), os.Rename(temp, link)); err != nil {
		return fmt.Errorf("keep the files in force in %s: %w", dir, err)
	}
	prune(dir, name)
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
	set := Set{Config: config, Credentials: credentials}
	if s.Memory != "" {
		set.Certificates, err = loadFiles(filepath.Join(s.Memory, generationLink, certsDir))
	}
	return set, err == nil
}

func prune(dir, keep string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.Name() != keep && entry.Name() != generationLink {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
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
