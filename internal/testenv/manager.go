package testenv

import (
	"context"
	"maps"
	"testing"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// ManagerOptions describe a manager for one test.
type ManagerOptions struct {
	// Namespace restricts caches to it, so that tests which run at the same time leave each other alone. Empty: all.
	Namespace string
	// Faults, when set, stand in front of every write of the manager.
	Faults *Faults
	// Writes, when set, counts what the manager writes.
	Writes *Writes
	// Cache restricts what is cached per kind, as the operator does.
	Cache map[client.Object]cache.ByObject
	// Setup adds controllers to the manager before it starts.
	Setup func(ctrl.Manager) error
}

// Manager starts a controller manager with its caches synchronised, and stops it when the test ends. The returned function
// stops it earlier; the API server then looks to the next manager as after a SIGKILL: nothing is cleaned up.
func (e *Env) Manager(t testing.TB, opts ManagerOptions) (mgr ctrl.Manager, stop func()) {
	t.Helper()
	cfg := rest.CopyConfig(e.Config)
	if opts.Faults != nil {
		cfg = opts.Faults.Config(cfg)
	}
	if opts.Writes != nil {
		cfg = opts.Writes.config(cfg)
	}
	cacheOptions := cache.Options{ByObject: maps.Clone(opts.Cache)}
	if opts.Namespace != "" {
		cacheOptions.DefaultNamespaces = map[string]cache.Config{opts.Namespace: {}}
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: e.Scheme,
		Cache:  cacheOptions,
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{
			&certmanager.Certificate{}, &certmanager.Issuer{}, &certmanager.ClusterIssuer{}, // as the operator does
		}}},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		t.Fatalf("make a manager: %v", err)
	}
	if opts.Setup != nil {
		if err := opts.Setup(mgr); err != nil {
			t.Fatalf("set up controllers: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := mgr.Start(ctx); err != nil {
			t.Errorf("run the manager: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		t.Fatal("the manager's caches did not synchronise")
	}
	return mgr, stop
}
