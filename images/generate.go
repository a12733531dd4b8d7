package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/matriarchdb/matriarch/images/internal/catalog"
	"github.com/matriarchdb/matriarch/images/internal/dockerfile"
)

func generateCommand() *cobra.Command {
	var source string
	command := &cobra.Command{
		Use: "generate", Aliases: []string{"catalog"}, Short: "Write the catalogs and the Dockerfiles", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			root, err := repository(source)
			if err != nil {
				return err
			}
			catalogs, err := catalog.Files()
			if err != nil {
				return err
			}
			if err := replace(filepath.Join(root, "config", "catalog"), catalogs); err != nil {
				return err
			}
			return replace(filepath.Join(root, "images", "dockerfiles"), dockerfile.Files())
		},
	}
	command.Flags().StringVar(&source, "source", "", "the repository (default: the one that the working folder is in)")
	return command
}

// replace makes a folder of generated files hold exactly these. At no moment is one of them missing.
func replace(dir string, files map[string][]byte) error {
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		if err := write(path, content); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || files[name] != nil {
			return err
		}
		return os.Remove(path)
	})
}

// write replaces a file as a whole, and leaves one alone that is as it should be.
func write(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
