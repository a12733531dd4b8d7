package pg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// Programs is a folder of PostgreSQL's programs and the version of the server in it.
type Programs struct {
	Dir string
	// Version is such as 15.18.
	Version string
	Major   int
}

// Path returns a program's path.
func (p Programs) Path(name string) string { return filepath.Join(p.Dir, name) }

// patterns are the folders where images of different makers keep the programs: Debian's, PGDG's for Red Hat, Docker's
// official image for Alpine, Bitnami's.
var patterns = []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/bin", "/usr/local/pgsql/bin",
	"/usr/libexec/postgresql*", "/opt/bitnami/postgresql/bin", "/usr/bin"}

// FindPrograms looks in PATH, asks pg_config, and looks into the known folders. Where a folder holds several versions
// the one that fits PG_MAJOR, which the official images set, or else the newest is taken.
func FindPrograms(ctx context.Context, sup *supervise.Supervisor) (Programs, error) {
	for _, dir := range candidates(ctx, sup) {
		// initdb tells a server's folder from a client's.
		if executable(filepath.Join(dir, "postgres")) && executable(filepath.Join(dir, "initdb")) {
			return withVersion(ctx, sup, dir)
		}
	}
	return Programs{}, fmt.Errorf("find PostgreSQL's programs: neither in PATH nor where pg_config says nor in %s: is this an image of a PostgreSQL server?",
		strings.Join(patterns, ", "))
}

func candidates(ctx context.Context, sup *supervise.Supervisor) []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// PATH may hold links only to some of the programs.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	if path, err := exec.LookPath("pg_config"); err == nil {
		var answer strings.Builder
		if sup.Run(ctx, supervise.Command{Path: path, Args: []string{"--bindir"}, Stdout: &answer, Quiet: true}) == nil {
			dirs = append(dirs, strings.TrimSpace(answer.String()))
		}
	}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return majorIn(b) - majorIn(a) })
		if wanted := os.Getenv("PG_MAJOR"); wanted != "" {
			slices.SortStableFunc(found, func(a, b string) int { return fits(b, wanted) - fits(a, wanted) })
		}
		dirs = append(dirs, found...)
	}
	return dirs
}

var digits = regexp.MustCompile(`\d+`)

func majorIn(dir string) int {
	major, _ := strconv.Atoi(digits.FindString(dir))
	return major
}

func fits(dir, major string) int {
	if digits.FindString(dir) == major {
		return 1
	}
	return 0
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.\d+)?`)

func withVersion(ctx context.Context, sup *supervise.Supervisor, dir string) (Programs, error) {
	var answer strings.Builder
	path := filepath.Join(dir, "postgres")
	if err := sup.Run(ctx, supervise.Command{Path: path, Args: []string{"--version"}, Stdout: &answer, Quiet: true}); err != nil {
		return Programs{}, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	match := versionPattern.FindStringSubmatch(answer.String())
	if match == nil {
		return Programs{}, fmt.Errorf("ask %s for its version: unexpected answer %q", path, answer.String())
	}
	major, err := strconv.Atoi(match[1])
	if err != nil {
		return Programs{}, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	return Programs{Dir: dir, Version: strings.TrimPrefix(match[0], "(PostgreSQL) "), Major: major}, nil
}
