// Command matriarch is the operator: the provisioner, the engine for operations, the PetSet controller and the
// webhooks, all of them or a chosen few. Any number of replicas may run; one of them works, and any may die at any
// moment.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
)

// version is set by the linker.
var version = "development"

// gcPercent keeps the heap near what is live: the caches are long-lived and small, and memory is scarcer than CPU time
// on an idle operator.
const gcPercent = 30

func main() {
	if err := command().Execute(); err != nil {
		os.Exit(1)
	}
}

func command() *cobra.Command {
	o := defaults()
	cmd := &cobra.Command{
		Use:           "matriarch",
		Short:         "Runs PostgreSQL, Pgpool-II and PgBouncer on Kubernetes",
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: false,
		RunE: func(cmd *cobra.Command, _ []string) error {
			debug.SetGCPercent(gcPercent)
			ctrl.SetLogger(logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, nil)))
			if err := o.complete(); err != nil {
				return err
			}
			config, err := ctrl.GetConfig()
			if err != nil {
				return fmt.Errorf("find the API server: %w", err)
			}
			mgr, err := o.manager(config)
			if err != nil {
				return err
			}
			if err := mgr.Start(cmd.Context()); err != nil {
				return fmt.Errorf("run the controllers: %w", err)
			}
			return nil
		},
	}
	o.bind(cmd.Flags())
	cmd.SetContext(ctrl.SetupSignalHandler())
	return cmd
}
