package pgpool

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// folders are where images of different makers keep the programs, besides PATH.
var folders = []string{"/usr/sbin", "/opt/pgpool-II/bin", "/usr/local/bin", "/usr/bin", "/opt/bitnami/pgpool/bin"}

type programs struct{ pgpool, poolStatus string }

func findPrograms() (programs, error) {
	var found programs
	var err error
	if found.pgpool, err = find("pgpool"); err != nil {
		return programs{}, err
	}
	if found.poolStatus, err = find("pcp_pool_status"); err != nil {
		return programs{}, err
	}
	return found, nil
}

func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range folders {
		if path, err := exec.LookPath(dir + "/" + name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find the program %s of Pgpool-II: neither in PATH nor in %s: is this an image of Pgpool-II?",
		name, strings.Join(folders, ", "))
}

var versionPattern = regexp.MustCompile(`pgpool-II version (\d+\.\d+(?:\.\d+)?)`)

// version asks the binary; it answers on stderr.
func (p programs) version(ctx context.Context, sup *supervise.Supervisor) (string, error) {
	process, err := sup.Start(supervise.Command{Path: p.pgpool, Args: []string{"--version"}, Quiet: true})
	if err != nil {
		return "", err
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		process.KillGroup()
		return "", ctx.Err()
	}
	match := versionPattern.FindStringSubmatch(process.Tail.String())
	if match == nil {
		return "", fmt.Errorf("ask %s for its version: unexpected answer %q", p.pgpool, process.Tail.String())
	}
	return match[1], nil
}
