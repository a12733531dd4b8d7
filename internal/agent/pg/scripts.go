package pg

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// Scripts lists what is run once in a new cluster, in alphabetical order: *.sh, *.sql and *.sql.gz directly in the
// folder, which need not exist.
func Scripts(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the init scripts: %w", err)
	}
	var scripts []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") { // the volume's own ..data
			continue
		}
		for _, suffix := range []string{".sh", ".sql", ".sql.gz"} {
			if strings.HasSuffix(name, suffix) {
				scripts = append(scripts, filepath.Join(dir, name))
			}
		}
	}
	return scripts, nil
}

// RunScript runs one init script against the running, private server as the administrator.
func (s *Server) RunScript(ctx context.Context, path string, admin Admin) error {
	dir, port := s.Address()
	command := supervise.Command{Dir: "/", Env: []string{"PGHOST=" + dir, "PGPORT=" + port, "PGUSER=" + admin.User, "PGDATABASE=postgres",
		"PGPASSWORD=" + admin.Password, "POSTGRES_USER=" + admin.User, "POSTGRES_PASSWORD=" + admin.Password, "POSTGRES_DB=postgres"}}
	psql := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "--no-password"}
	switch {
	case strings.HasSuffix(path, ".sh"):
		command.Path, command.Args = shell(path)
	case strings.HasSuffix(path, ".gz"):
		text, err := gunzip(path)
		if err != nil {
			return fmt.Errorf("init script %s: %w", filepath.Base(path), err)
		}
		command.Path, command.Args, command.Stdin = s.Path("psql"), psql, text
	default:
		command.Path, command.Args = s.Path("psql"), append(psql, "-f", path)
	}
	if !executable(command.Path) {
		if found, err := exec.LookPath(filepath.Base(command.Path)); err == nil {
			command.Path = found
		}
	}
	err := s.sup.Run(ctx, command)
	var failure *supervise.Failure
	if errors.As(err, &failure) {
		return fmt.Errorf("init script %s failed: %w", filepath.Base(path), err)
	}
	return err
}

// shell runs an executable script by itself, which respects its first line, and any other with bash or sh.
func shell(path string) (program string, args []string) {
	if executable(path) {
		return path, nil
	}
	if bash, err := exec.LookPath("bash"); err == nil {
		return bash, []string{path}
	}
	return "/bin/sh", []string{path}
}

func gunzip(path string) (io.Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	packed, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	// A ConfigMap or Secret holds at most 1 MiB.
	text, err := io.ReadAll(packed)
	return bytes.NewReader(text), err
}
