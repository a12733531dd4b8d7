// Command cert-manager runs cert-manager's controllers and its CA injector in
// one process, from their packages: the upstream commands are modules of their
// own that cannot be required. The webhook is left out (its constructor is
// internal), and with it validation beyond the schema.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	// An own flag set: controller-runtime registers --kubeconfig globally.
	flags := flag.NewFlagSet("cert-manager", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "file that says how to reach the API server")
	health := flags.String("health-address", "127.0.0.1:9403", "address that answers /healthz once the caches are filled")
	flags.Parse(os.Args[1:]) //nolint:errcheck // ExitOnError

	logf.InitLogs()
	ctrl.SetLogger(klog.Background())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, *health); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "cert-manager:", err)
		os.Exit(1)
	}
}

// run returns when the context ends or when any part fails: the whole process
// then goes down and is started again, rather than limping.
func run(ctx context.Context, kubeconfig, health string) error {
	var ready atomic.Bool
	group, ctx := errgroup.WithContext(logf.NewContext(ctx, klog.Background()))
	group.Go(func() error { return serveHealth(ctx, health, &ready) })
	group.Go(func() error { return runInjector(ctx, kubeconfig) })
	group.Go(func() error {
		return runControllers(ctx, kubeconfig, func() { ready.Store(true) })
	})
	return group.Wait()
}

func serveHealth(ctx context.Context, address string, ready *atomic.Bool) error {
	handler := http.NewServeMux()
	handler.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(w, "caches are being filled", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: address, Handler: handler}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve health: %w", err)
	}
	return nil
}
