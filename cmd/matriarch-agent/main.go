// Command matriarch-agent is process 1 of every database and pooler container.
//
//	matriarch-agent install DIR   copy this program into DIR (the init container's job)
//	matriarch-agent run           run the server that the environment names
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
		return fmt.Errorf("usage: matriarch-agent install DIR | run | version (got %q)", args)
	}
}
