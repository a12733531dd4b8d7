package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// BinaryName is the agent's file name in the shared volume.
const BinaryName = "matriarch-agent"

// Install copies the running program into dir. A kill at any point leaves no half-written program behind, and a
// program that runs already stays as it is on disk for its own process.
func Install(dir string) error {
	source, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("install the agent: %w", err)
	}
	defer source.Close()
	temp, err := os.CreateTemp(dir, "."+BinaryName+".*")
	if err != nil {
		return fmt.Errorf("install the agent into %s: %w", dir, err)
	}
	defer os.Remove(temp.Name()) // of no effect once it is renamed
	_, err = io.Copy(temp, source)
	err = errors.Join(err, temp.Chmod(0o755), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), filepath.Join(dir, BinaryName))
	}
	if err != nil {
		return fmt.Errorf("install the agent into %s: %w", dir, err)
	}
	return nil
}
