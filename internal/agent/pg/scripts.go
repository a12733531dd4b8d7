package pg

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// suffixes of what is a script.
var suffixes = []string{".sh", ".sql", ".sql.gz"}

// Scripts lists what is run once in a new cluster: the file at path, or in alphabetical order *.sh, *.sql and *.sql.gz
// directly in the folder. An empty path is none.
func Scripts(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the init scripts, where spec.init.script.scriptPath says that they are: %w", err)
	case !info.IsDir() && !isScript(path):
		return nil, fmt.Errorf("the init script %s is none of *%s", path, strings.Join(suffixes, ", *"))
	case !info.IsDir():
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, fmt.Errorf("list the init scripts: %w", err)
	}
	var scripts []string
	for _, entry := range entries {
		// Names with a dot are the volume's own, such as ..data.
		if name := entry.Name(); !strings.HasPrefix(name, ".") && isScript(name) {
			scripts = append(scripts, filepath.Join(path, name))
		}
	}
	return scripts, nil
}

func isScript(name string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
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
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("init script %s: %w", filepath.Base(path), err)
		}
		defer file.Close()
		if command.Stdin, err = gzip.NewReader(file); err != nil {
			return fmt.Errorf("init script %s: %w", filepath.Base(path), err)
		}
		command.Path, command.Args = s.Path("psql"), psql
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
