// Package testenv gives controller tests a real API server: one etcd and kube-apiserver per test package, a namespace per
// test, writes that fail on request, and the parts of a cluster that an API server alone lacks (the kubelet, the garbage
// collector) as test doubles which do what a test tells them. There is no fake client.
//
// A test package starts it once:
//
//	var env *testenv.Env
//
//	func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &env, testenv.Options{})) }
package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	appsapi "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

// assetsEnv names the directory with the programs etcd and kube-apiserver; envtest reads it too.
const assetsEnv = "KUBEBUILDER_ASSETS"

// Options say what a package's tests need beside the defaults.
type Options struct {
	// AddToScheme registers further API types.
	AddToScheme []func(*runtime.Scheme) error
	// CRDs are files or directories relative to the module's root. Default: config/crd.
	CRDs []string
	// CertManager adds the CRDs of cert-manager, from its module. Its controllers do not run: tests play them.
	CertManager bool
}

// Env is a running API server.
type Env struct {
	// Config reaches the API server as its administrator.
	Config *rest.Config
	// Scheme knows Kubernetes' own types, PetSet and PlacementPolicy, and those of Options.
	Scheme *runtime.Scheme
	// Client reads and writes without a cache and without faults.
	Client client.Client

	server envtest.Environment

	kindsOnce sync.Once
	kinds     []schema.GroupVersionKind
	kindsErr  error
}

// Main runs the tests of m on a fresh API server, which it puts into env, and returns the exit code. With -short no API
// server is started, and a test skips itself when it asks for its namespace; likewise where the programs are missing,
// except in CI, where that is a failure.
func Main(m *testing.M, env **Env, opts Options) int {
	testserver.Contain()
	if testing.Short() {
		return m.Run()
	}
	if os.Getenv(assetsEnv) == "" {
		fmt.Fprintf(os.Stderr, "%s is not set: tests need the directory that holds etcd and kube-apiserver; "+
			"`make integration` builds both and sets it\n", assetsEnv)
		if os.Getenv("CI") == "true" {
			return 1
		}
		fmt.Fprintln(os.Stderr, "SKIPPING the tests that need them")
		return m.Run()
	}
	started, err := Start(opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*env = started
	code := m.Run()
	if err := started.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Start starts etcd and kube-apiserver and installs the CRDs. The caller must call Stop.
func Start(opts Options) (*Env, error) {
	ctrl.SetLogger(logr.Discard())
	scheme, err := newScheme(opts.AddToScheme)
	if err != nil {
		return nil, err
	}
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	if len(opts.CRDs) == 0 {
		opts.CRDs = []string{"config/crd"}
	}
	e := &Env{Scheme: scheme, server: envtest.Environment{ErrorIfCRDPathMissing: true, Scheme: scheme}}
	// A list that has to be current waits for etcd's progress notifications: up to 100 ms by default, for each list after a
	// write, of which tests make thousands.
	etcd := &envtest.Etcd{}
	etcd.Configure().Set("watch-progress-notify-interval", "10ms")
	e.server.ControlPlane.Etcd = etcd
	if err := collectGarbageLess(); err != nil {
		return nil, err
	}
	for _, path := range opts.CRDs {
		e.server.CRDDirectoryPaths = append(e.server.CRDDirectoryPaths, filepath.Join(root, path))
	}
	if opts.CertManager {
		crds, err := certManagerCRDs()
		if err != nil {
			return nil, err
		}
		e.server.CRDDirectoryPaths = append(e.server.CRDDirectoryPaths, crds)
	}
	if e.Config, err = e.server.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the API server for tests: %w", err), e.server.Stop())
	}
	e.Config.QPS, e.Config.Burst = -1, 0 // the API server's own fairness is enough
	if e.Client, err = client.New(e.Config, client.Options{Scheme: scheme}); err != nil {
		return nil, errors.Join(fmt.Errorf("make a client of the API server for tests: %w", err), e.server.Stop())
	}
	return e, nil
}

// collectGarbageLess has the programs started from here on trade memory, of which they need little, for time: by default
// the API server spends a seventh of its time on collecting garbage.
func collectGarbageLess() error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	return os.Setenv("GOGC", "400")
}

// Stop stops the API server and etcd and removes their files.
func (e *Env) Stop() error {
	if err := e.server.Stop(); err != nil {
		return fmt.Errorf("stop the API server for tests: %w", err)
	}
	return nil
}

func newScheme(extra []func(*runtime.Scheme) error) (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	add := append([]func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, certmanager.AddToScheme, apiextensionsv1.AddToScheme, appsapi.AddToScheme,
	}, extra...)
	for _, f := range add {
		if err := f(scheme); err != nil {
			return nil, fmt.Errorf("register API types: %w", err)
		}
	}
	return scheme, nil
}

// certManagerCRDs finds the folder with the CRDs in cert-manager's module.
func certManagerCRDs() (string, error) {
	const module = "github.com/cert-manager/cert-manager"
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find the module %s: %w", module, err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "deploy", "crds"), nil
}

// moduleRoot finds the directory of go.mod above the working directory, which is a package's directory in tests.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module's root: %w", err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/matriarchdb/matriarch\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find the module's root: no go.mod of this module above the working directory")
		}
		dir = parent
	}
}
