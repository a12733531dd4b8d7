package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/kubeapi"
	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/naming"
)

const (
	// spareTime bounds a sync that the pod can do without.
	spareTime = 30 * time.Second
	// goodbye is the time that git-sync has to end after SIGTERM.
	goodbye = 5 * time.Second
)

// GitSync fetches the init scripts of a pod with git-sync, if the pod needs them, and returns the exit code for the
// init container. A new database cannot do without its scripts. One that was initialised never runs them again, so its
// pods start while the git server is away: of a Postgres whose cluster is recorded in its Lease nothing is fetched, and
// a pooler that was initialised starts without the scripts when they cannot be had.
func GitSync(ctx context.Context, args []string) int {
	need := neededNow(ctx)
	if need == scriptsRan {
		slog.Info("the cluster exists and its init scripts ran; they are not fetched again")
		return 0
	}
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if need == scriptsSpare {
		bounded, cancel = context.WithTimeout(ctx, spareTime)
	}
	defer cancel()
	code := fetch(bounded, args)
	if code != 0 && need == scriptsSpare && ctx.Err() == nil {
		slog.Warn("starting without the init scripts, which could not be fetched: this pooler was initialised before")
		return 0
	}
	return code
}

// need says how much a pod needs its scripts.
type need int

const (
	scriptsNeeded need = iota
	scriptsSpare       // the pod can start without
	scriptsRan         // they are of no use any more
)

// neededNow asks the API server. Without an answer the scripts are fetched: that is never wrong, only needless.
func neededNow(ctx context.Context) need {
	config, err := kubeapi.Config()
	if err != nil {
		slog.Warn("fetching the init scripts without knowing whether they are needed", "error", err)
		return scriptsNeeded
	}
	client, err := kubeapi.New(config, os.Getenv(naming.EnvPodNamespace))
	if err == nil {
		if name := os.Getenv(naming.EnvLease); name != "" {
			leader, problem := client.Lease(ctx, name)
			if problem == nil && lease.SystemID(leader) != "" {
				return scriptsRan
			}
			err = problem
		} else {
			secret, problem := client.Secret(ctx, os.Getenv(naming.EnvConfigSecret))
			if problem == nil && secret.Annotations[naming.AnnotationInitialized] == "true" {
				return scriptsSpare
			}
			err = problem
		}
	}
	if err != nil {
		slog.Warn("fetching the init scripts without knowing whether they are needed", "error", err)
	}
	return scriptsNeeded
}

// fetch runs git-sync, whose words are the container's, and looks whether the scripts are where they shall be.
func fetch(ctx context.Context, args []string) int {
	program := filepath.Join(os.Getenv(EnvRoot), naming.GitSyncProgram)
	command := exec.CommandContext(ctx, program, args...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = goodbye
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fmt.Fprintf(os.Stderr, "matriarch-agent: the image has no program %s; it has to be an image of git-sync\n", program)
		return 1
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "matriarch-agent: git-sync was ended:", context.Cause(ctx))
		return 1
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "matriarch-agent: run git-sync:", err)
		return 1
	}
	if err := arrived(os.Getenv(naming.EnvInitScripts)); err != nil {
		fmt.Fprintln(os.Stderr, "matriarch-agent:", err)
		return 1
	}
	return 0
}

// arrived looks for the scripts and says what is there instead.
func arrived(place string) error {
	_, err := os.Stat(place)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var names []string
	parent := filepath.Dir(place)
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return fmt.Errorf("there is no %s after the sync; correct spec.init.script.scriptPath (%s has: %s)", place, parent, strings.Join(names, ", "))
}
