package pgbouncer

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// folders are where images of different makers keep the program, besides PATH.
var folders = []string{"/usr/sbin", "/usr/local/bin", "/usr/bin", "/opt/pgbouncer", "/opt/bitnami/pgbouncer/bin"}

func find() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	for _, dir := range folders {
		if path, err := exec.LookPath(dir + "/pgbouncer"); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find the program pgbouncer: neither in PATH nor in %s: is this an image of PgBouncer?", strings.Join(folders, ", "))
}

var versionPattern = regexp.MustCompile(`PgBouncer (?:version )?(\d+\.\d+(?:\.\d+)?)`)

func askVersion(ctx context.Context, sup *supervise.Supervisor, program string) (string, error) {
	var answer strings.Builder
	if err := sup.Run(ctx, supervise.Command{Path: program, Args: []string{"--version"}, Stdout: &answer, Quiet: true}); err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", program, err)
	}
	match := versionPattern.FindStringSubmatch(answer.String())
	if match == nil {
		return "", fmt.Errorf("ask %s for its version: unexpected answer %q", program, answer.String())
	}
	return match[1], nil
}
