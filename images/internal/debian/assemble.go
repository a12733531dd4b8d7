package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/matriarchdb/matriarch/images/internal/layer"
	"github.com/matriarchdb/matriarch/images/internal/recipe"
)

// Assembler makes root file systems.
type Assembler struct {
	// Mirrors are where packages come from.
	Mirrors recipe.Mirrors
	// Scratch is a folder for unfinished root file systems, Logs one for what the programs print.
	Scratch, Logs string
}

// unpacked are path rules for dpkg: what never reaches the disk need not be removed. Copyright files stay, as their
// licences ask.
var unpacked = []string{
	"path-exclude=/usr/share/man/*", "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/locale/*",
	"path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright", "force-confold",
}

// Base hands the root file system that images of a suite share, as a tar archive, to consume. If the archive cannot give
// it, which is so once a release has been retired, the past is asked, and consume is called again.
func (a Assembler) Base(ctx context.Context, s recipe.Suite, consume func(io.Reader) error) error {
	options, err := aptOptions()
	if err != nil {
		return err
	}
	arguments := []string{
		"--variant=apt", "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr", "--skip=check/signed-by",
		"--include=" + strings.Join(s.BasePackages(), ","),
	}
	for _, rule := range unpacked {
		arguments = append(arguments, "--dpkgopt="+rule)
	}
	for _, option := range options {
		arguments = append(arguments, "--aptopt="+option)
	}
	arguments = append(arguments, s.Name, "-")
	now := a.run(ctx, "base-"+s.Name, slices.Concat(arguments, s.Sources(a.Mirrors)), consume)
	if now == nil || ctx.Err() != nil {
		return now
	}
	past := a.run(ctx, "base-"+s.Name+"-snapshot", slices.Concat(arguments, s.SnapshotSources(a.Mirrors)), consume)
	if past == nil {
		return nil
	}
	return errors.Join(now, past)
}

// Image hands the root file system of an image, made in a copy of the base, to consume.
func (a Assembler) Image(ctx context.Context, r recipe.Recipe, base string, consume func(io.Reader) error) error {
	suite, err := recipe.SuiteNamed(r.Suite)
	if err != nil {
		return err
	}
	options, err := aptOptions()
	if err != nil {
		return err
	}
	name := r.Name + "-" + r.Version
	script := filepath.Join(a.Scratch, name+".sh")
	if err := os.WriteFile(script, []byte(installScript(r, suite, a.Mirrors, options)), 0o644); err != nil {
		return fmt.Errorf("assemble %s: %w", r.ID(), err)
	}
	defer os.Remove(script)
	arguments := []string{
		"--variant=custom", "--skip=update,cleanup/run",
		"--setup-hook=tar --numeric-owner --xattrs --xattrs-include='*' -C \"$1\" -xf " + base,
		"--customize-hook=cp " + script + " \"$1/tmp/install\" && chroot \"$1\" env -i " + strings.Join(environment(), " ") + " sh /tmp/install",
		"", "-",
	}
	return a.run(ctx, name, arguments, consume)
}

// environment is what packages' scripts see: little, so that the machine does not show in the result.
func environment() []string {
	set := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
		"UCF_FORCE_CONFFOLD=1", "SOURCE_DATE_EPOCH=" + epoch(),
	}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if value := os.Getenv(name); value != "" {
			set = append(set, name+"='"+value+"'")
		}
	}
	return set
}

func epoch() string { return strconv.FormatInt(layer.Epoch.Unix(), 10) }

// run starts mmdebstrap in namespaces of its own: when it, or this process, is killed, every process that it started
// and every mount that it made is gone too.
func (a Assembler) run(ctx context.Context, name string, arguments []string, consume func(io.Reader) error) error {
	log, err := os.Create(filepath.Join(a.Logs, name+".log"))
	if err != nil {
		return fmt.Errorf("assemble %s: %w", name, err)
	}
	defer log.Close()
	command := exec.CommandContext(ctx, "unshare", append([]string{
		"--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "--", "mmdebstrap", "--mode=root", "--format=tar",
	}, arguments...)...)
	command.Env = append(os.Environ(), "TMPDIR="+a.Scratch, "SOURCE_DATE_EPOCH="+epoch(), "LC_ALL=C.UTF-8")
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := command.StdoutPipe()
	if err != nil {
		return fmt.Errorf("assemble %s: %w", name, err)
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("assemble %s: %w", name, err)
	}
	consumed := consume(output)
	// What is left must be read, or the program would wait for a reader and not end.
	io.Copy(io.Discard, output)
	if err := command.Wait(); err != nil {
		return fmt.Errorf("assemble %s: mmdebstrap: %w; the end of %s:\n%s", name, err, log.Name(), tail(log.Name()))
	}
	if consumed != nil {
		return fmt.Errorf("assemble %s: %w", name, consumed)
	}
	return nil
}

// tail returns the last lines of a log that are worth showing.
func tail(file string) string {
	const lines = 15
	text, err := os.ReadFile(file)
	if err != nil {
		return errors.Unwrap(err).Error()
	}
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return "  " + string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n  ")))
}
