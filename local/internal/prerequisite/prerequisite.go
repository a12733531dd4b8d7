// Package prerequisite sees to it that the machine has what the cluster needs.
package prerequisite

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// packages lists Debian's packages, one per line with the program that shows
// its presence. It is the only such list.
//
//go:embed packages.txt
var packages string

type requirement struct{ Package, Program string }

// requirements reads the list; a # begins a comment.
func requirements(list string) []requirement {
	var parsed []requirement
	for line := range strings.Lines(list) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) == 2 {
			parsed = append(parsed, requirement{Package: fields[0], Program: fields[1]})
		}
	}
	return parsed
}

// Ensure checks root, Debian and packages, and installs packages that are
// missing, after saying so. An error says everything that is missing.
func Ensure(ctx context.Context, writer io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("the local cluster makes namespaces, mounts and links, and needs root for that: run it as root")
	}
	missing := absent(requirements(packages), present)
	if len(missing) == 0 {
		return nil
	}
	if !isDebian() {
		return fmt.Errorf("this is not Debian, so nothing is installed; missing are: %s", describe(missing))
	}
	fmt.Fprintf(writer, "installing packages: %s\n", strings.Join(names(missing), " "))
	if err := install(ctx, names(missing)); err != nil {
		return fmt.Errorf("missing are: %s; installing them failed: %w", describe(missing), err)
	}
	if still := absent(missing, present); len(still) > 0 {
		return fmt.Errorf("still missing after the installation: %s", describe(still))
	}
	return nil
}

func absent(list []requirement, present func(program string) bool) []requirement {
	var missing []requirement
	for _, each := range list {
		if !present(each.Program) {
			missing = append(missing, each)
		}
	}
	return missing
}

func names(list []requirement) []string {
	var names []string
	for _, each := range list {
		names = append(names, each.Package)
	}
	return names
}

func describe(list []requirement) string {
	var parts []string
	for _, each := range list {
		parts = append(parts, fmt.Sprintf("%s (package %s)", each.Program, each.Package))
	}
	return strings.Join(parts, ", ")
}

// present looks where root's programs are, whatever PATH says.
func present(program string) bool {
	if strings.HasPrefix(program, "/") {
		_, err := os.Stat(program)
		return err == nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if info, err := os.Stat(dir + "/" + program); err == nil && info.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

func isDebian() bool {
	_, err := os.Stat("/etc/debian_version")
	return err == nil
}

// install asks apt; the package lists are fetched when it does not know them.
func install(ctx context.Context, names []string) error {
	args := append([]string{"install", "--yes", "--no-install-recommends"}, names...)
	first := apt(ctx, args...)
	if first == nil {
		return nil
	}
	if err := apt(ctx, "update"); err != nil {
		return errors.Join(first, err)
	}
	return apt(ctx, args...)
}

func apt(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, "apt-get", append([]string{"--quiet"}, args...)...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(output)))
	}
	return nil
}
