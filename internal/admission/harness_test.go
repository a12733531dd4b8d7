package admission_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/yaml"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/admission"
	"github.com/matriarchdb/matriarch/internal/kinds"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var (
	env   *testenv.Env
	hooks webhooks
)

func TestMain(m *testing.M) {
	code := testenv.Main(m, &env, testenv.Options{AddToScheme: []func(*runtime.Scheme) error{
		kubedbv1.AddToScheme, kubedbv1alpha2.AddToScheme, catalogv1alpha1.AddToScheme, appcatalogv1alpha1.AddToScheme, opsv1alpha1.AddToScheme,
	}})
	os.Exit(max(code, hooks.stop()))
}

// webhooks is the webhook server of the operator, and the API server's knowledge of it.
type webhooks struct {
	once    sync.Once
	options envtest.WebhookInstallOptions
	cancel  context.CancelFunc
	done    chan error
	err     error
}

// start serves the webhooks and tells the API server about them, by the manifest that is installed in a cluster.
func (w *webhooks) start() {
	w.options = envtest.WebhookInstallOptions{Paths: []string{manifest}}
	if w.err = w.options.Install(env.Config); w.err != nil {
		return
	}
	server := webhook.NewServer(webhook.Options{
		Host: w.options.LocalServingHost, Port: w.options.LocalServingPort, CertDir: w.options.LocalServingCertDir,
	})
	w.err = admission.Setup(admission.Options{Server: server, Scheme: env.Scheme, Reader: env.Client, Kinds: kinds.All("example.org/agent:1")})
	if w.err != nil {
		return
	}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	w.done = make(chan error, 1)
	go func() { w.done <- server.Start(ctx) }()
	if w.err = catalogObjects(ctx); w.err == nil {
		w.err = inForce(ctx)
	}
}

// inForce waits until the webhooks listen and the API server has heard of both configurations: it lets everything pass
// before.
func inForce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, testenv.Deadline)
	defer cancel()
	for {
		one := &kubedbv1alpha2.Pgpool{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "one"}}
		one.Spec.Version, one.Spec.PostgresRef.Name = "good", "pg"
		none := one.DeepCopy()
		none.Spec.Replicas = ptr.To[int32](0)
		err := errors.Join(env.Client.Create(ctx, one, client.DryRunAll), env.Client.Create(ctx, none, client.DryRunAll))
		if one.Spec.DeletionPolicy != "" && apierrors.IsInvalid(err) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the webhooks do not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop returns an exit code.
func (w *webhooks) stop() int {
	if w.cancel == nil {
		return 0
	}
	w.cancel()
	if err := errors.Join(<-w.done, w.options.Cleanup()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// namespace makes a namespace in a cluster whose API server asks the webhooks.
func namespace(t *testing.T) string {
	t.Helper()
	ns := env.Namespace(t) // skips the test where there is no API server
	hooks.once.Do(hooks.start)
	if hooks.err != nil {
		t.Fatalf("start the webhooks: %v", hooks.err)
	}
	return ns
}

// catalogObjects makes a good and a deprecated version of each kind.
func catalogObjects(ctx context.Context) error {
	image := catalogv1alpha1.Image{Image: "example.org/image:1"}
	for name, deprecated := range map[string]bool{"good": false, "old": true} {
		meta := metav1.ObjectMeta{Name: name}
		for _, object := range []client.Object{
			&catalogv1alpha1.PostgresVersion{ObjectMeta: meta, Spec: catalogv1alpha1.PostgresVersionSpec{
				Version: "15.18", Deprecated: deprecated, DB: catalogv1alpha1.PostgresImage{Image: "example.org/postgres:15"},
				Coordinator: image, InitContainer: image, Exporter: image,
				PodSecurityPolicies: catalogv1alpha1.PodSecurityPolicies{DatabasePolicyName: "none"},
			}},
			&catalogv1alpha1.PgpoolVersion{ObjectMeta: meta, Spec: catalogv1alpha1.PgpoolVersionSpec{
				Version: "4.3.5", Deprecated: deprecated, Pgpool: image,
			}},
			&catalogv1alpha1.PgBouncerVersion{ObjectMeta: meta, Spec: catalogv1alpha1.PgBouncerVersionSpec{
				Version: "1.18.0", Deprecated: deprecated, PgBouncer: image, Exporter: image,
			}},
		} {
			if err := env.Client.Create(ctx, object); err != nil {
				return fmt.Errorf("create %T %s: %w", object, name, err)
			}
		}
	}
	return nil
}

// object reads a manifest.
func object(t *testing.T, namespace, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	o.SetNamespace(namespace)
	if o.GetName() == "" {
		o.SetGenerateName("test-")
	}
	return o
}

// create applies a manifest that must be accepted, and returns what became of it.
func create(t *testing.T, namespace, text string) *unstructured.Unstructured {
	t.Helper()
	o := object(t, namespace, text)
	if err := env.Client.Create(t.Context(), o); err != nil {
		t.Fatalf("refused: %v\n%s", err, text)
	}
	return o
}

// refuses checks that the API server refused something with an error that says all of this.
func refuses(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted, want an error that says %q", want)
		return
	}
	if !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
		t.Errorf("%v: this is no refusal", err)
	}
	for _, words := range want {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want it to say %q", err, words)
		}
	}
}

func secret(t *testing.T, namespace, name string, data map[string]string) {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: data}
	if err := env.Client.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}
