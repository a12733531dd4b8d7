// Command matriarch-agent is process 1 of every database and pooler container.
//
//	matriarch-agent install DIR   copy this program into DIR (the init container's job)
//	matriarch-agent git-sync ARG… fetch the init scripts with git-sync, if they are needed (an init container's job, too)
//	matriarch-agent run           run the server that the environment names
//	matriarch-agent check KIND DIR  let the server programs of this image judge the files in DIR
//	matriarch-agent version       print the version
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent"
)

// version is set by the linker.
var version = "development"

// The agent allocates little; collecting early keeps its memory near what is live.
const (
	gcPercent   = 25
	memoryLimit = 16 << 20
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "matriarch-agent:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "install":
		return agent.Install(args[1])
	case len(args) == 1 && args[0] == "version":
		fmt.Println(version)
		return nil
	case len(args) == 3 && args[0] == "check":
		return check(args[1], args[2])
	case len(args) > 0 && args[0] == "git-sync":
		stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		code := agent.GitSync(stop, args[1:])
		cancel()
		os.Exit(code)
		return nil
	case len(args) == 1 && args[0] == "run":
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(memoryLimit)
		slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, nil)))
		settings, err := agent.SettingsFromEnv()
		if err != nil {
			return err
		}
		stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer cancel()
		return agent.Run(stop, settings)
	default:
		return fmt.Errorf("usage: matriarch-agent install DIR | git-sync ARG… | run | check KIND DIR | version (got %q)", args)
	}
}

// checkWithin bounds a check; what it starts is bounded more tightly.
const checkWithin = 2 * time.Minute

// terminationLog is where the kubelet looks for the reason why a container ended.
const terminationLog = "/dev/termination-log"

// check leaves a refusal where whoever asked finds it: in the status of the container.
func check(kind, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), checkWithin)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := agent.Check(ctx, kind, dir)
	if err != nil && os.Getpid() == 1 {
		// Best effort: the same words go to the log.
		_ = os.WriteFile(terminationLog, []byte(err.Error()), 0o600)
	}
	return err
}
