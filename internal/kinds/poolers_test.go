package kinds_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kinds"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, &env, testenv.Options{CertManager: true, AddToScheme: []func(*runtime.Scheme) error{
		kubedbv1.AddToScheme, kubedbv1alpha2.AddToScheme, catalogv1alpha1.AddToScheme, appcatalogv1alpha1.AddToScheme, petsetv1.AddToScheme,
	}}))
}

// world is a namespace with what a pooler needs: versions, credentials and an AppBinding.
type world struct {
	*testing.T
	ns, version string
}

// newWorld makes an AppBinding that leads to the URL.
func newWorld(t *testing.T, url, password string) world {
	t.Helper()
	w := world{T: t, ns: env.Namespace(t)}
	w.version = w.ns // cluster-scoped, and every test has its own
	image := catalogv1alpha1.Image{Image: "example.org/image:1"}
	meta := metav1.ObjectMeta{Name: w.version}
	w.create(
		&catalogv1alpha1.PgpoolVersion{ObjectMeta: meta, Spec: catalogv1alpha1.PgpoolVersionSpec{Version: "4.3.5", Pgpool: image}},
		&catalogv1alpha1.PgBouncerVersion{ObjectMeta: meta, Spec: catalogv1alpha1.PgBouncerVersionSpec{Version: "1.18.0", PgBouncer: image, Exporter: image}},
		w.login("pg-auth", "postgres", password), w.login("pp-auth", "pcp", "pcp-password"), w.login("pb-auth", "pgbouncer", "console-password"),
		&appcatalogv1alpha1.AppBinding{ObjectMeta: w.meta("pg"), Spec: appcatalogv1alpha1.AppBindingSpec{
			ClientConfig: appcatalogv1alpha1.ClientConfig{URL: &url}, Secret: &sharedv1.SecretReference{Kind: "Secret", Name: "pg-auth"},
		}},
	)
	return w
}

func (w world) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.ns, Name: name}
}

func (w world) create(objects ...client.Object) {
	w.Helper()
	for _, object := range objects {
		if err := env.Client.Create(w.Context(), object); err != nil {
			w.Fatal(err)
		}
	}
}

func (w world) remove(object client.Object) {
	w.Helper()
	if err := env.Client.Delete(w.Context(), object); err != nil {
		w.Fatal(err)
	}
}

func (w world) secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: w.meta(name), StringData: data}
}

func (w world) login(name, user, password string) *corev1.Secret {
	return w.secret(name, map[string]string{naming.AuthUsername: user, naming.AuthPassword: password})
}

// synced is a Secret of a user that poolers with syncUsers take in.
func (w world) synced(user, password string) *corev1.Secret {
	s := w.login("user-"+user, user, password)
	s.Labels = map[string]string{naming.LabelName: naming.NamePostgres, naming.LabelInstance: "pg"}
	return s
}

func (w world) pgpool(changes ...func(*kubedbv1alpha2.PgpoolSpec)) *kubedbv1alpha2.Pgpool {
	pool := &kubedbv1alpha2.Pgpool{ObjectMeta: w.meta("pp")}
	pool.UID = "11111111-2222-3333-4444-555555abcdef"
	pool.Spec = kubedbv1alpha2.PgpoolSpec{Version: w.version, PostgresRef: sharedv1.ObjectReference{Name: "pg"}, SyncUsers: true}
	for _, change := range changes {
		change(&pool.Spec)
	}
	return pool
}

func (w world) pgbouncer(changes ...func(*kubedbv1.PgBouncerSpec)) *kubedbv1.PgBouncer {
	bouncer := &kubedbv1.PgBouncer{ObjectMeta: w.meta("pb")}
	bouncer.UID = "11111111-2222-3333-4444-555555abcdef"
	bouncer.Spec = kubedbv1.PgBouncerSpec{Version: w.version, Database: kubedbv1.PgBouncerDatabase{
		DatabaseName: "postgres", SyncUsers: true, DatabaseRef: appcatalogv1alpha1.AppReference{Name: "pg"},
	}}
	for _, change := range changes {
		change(&bouncer.Spec)
	}
	return bouncer
}

// kindOf finds the kind of an object and wraps the object.
func (w world) kindOf(object client.Object) (database.Kind, database.Instance) {
	w.Helper()
	for _, kind := range kinds.All("example.org/agent:1") {
		in := kind.New()
		switch into := in.Object().(type) {
		case *kubedbv1alpha2.Pgpool:
			if from, ok := object.(*kubedbv1alpha2.Pgpool); ok {
				from.DeepCopyInto(into)
				kind.Default(in)
				return kind, in
			}
		case *kubedbv1.PgBouncer:
			if from, ok := object.(*kubedbv1.PgBouncer); ok {
				from.DeepCopyInto(into)
				kind.Default(in)
				return kind, in
			}
		}
	}
	w.Fatalf("no kind of %T", object)
	return nil, nil
}

func (w world) gather(object client.Object) (database.Kind, database.Gathered, error) {
	w.Helper()
	kind, in := w.kindOf(object)
	g, err := kind.Gather(w.Context(), env.Client, in)
	return kind, g, err
}

// build gathers and builds what must succeed.
func (w world) build(object client.Object) database.Desired {
	w.Helper()
	kind, g, err := w.gather(object)
	if err != nil {
		w.Fatal(err)
	}
	d, err := kind.Build(g)
	if err != nil {
		w.Fatal(err)
	}
	return d
}

// names lists who is in a credentials file whose lines begin with the name, up to the separator.
func names(file []byte, separator string) string {
	var found []string
	for line := range strings.Lines(string(file)) {
		name, _, _ := strings.Cut(line, separator)
		found = append(found, strings.Trim(name, `"`))
	}
	return strings.Join(found, " ")
}

func TestWhatAPoolerLacksIsWaitedForByName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w world)
		want   string
	}{
		"the version": {func(w world) {
			meta := metav1.ObjectMeta{Name: w.version}
			w.remove(&catalogv1alpha1.PgpoolVersion{ObjectMeta: meta})
			w.remove(&catalogv1alpha1.PgBouncerVersion{ObjectMeta: meta})
		}, "not found among pg"},
		"the AppBinding":         {func(w world) { w.remove(&appcatalogv1alpha1.AppBinding{ObjectMeta: w.meta("pg")}) }, "AppBinding %s/pg: not found; create it, or correct spec."},
		"the server's password":  {func(w world) { w.remove(w.secret("pg-auth", nil)) }, "Secret %s/pg-auth: not found"},
		"the user's file":        {func(w world) {}, "Secret %s/custom: not found; create it with the key pg"},
		"the key in the Secret":  {func(w world) { w.create(w.secret("custom", map[string]string{"b": "", "a": ""})) }, "in Secret %s/custom, where the configuration is looked for; it has a, b"},
		"any key in that Secret": {func(w world) { w.create(w.secret("custom", nil)) }, "it has no key at all"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "postgresql://nowhere.example.org", "x")
			c.change(w)
			custom := sharedv1.ConfigurationSpec{}
			if strings.Contains(c.want, "custom") || strings.Contains(c.want, "no key") {
				custom.SecretName = "custom"
			}
			for _, object := range []client.Object{
				w.pgpool(func(s *kubedbv1alpha2.PgpoolSpec) {
					s.Configuration = &kubedbv1alpha2.PgpoolConfiguration{ConfigurationSpec: custom}
				}),
				w.pgbouncer(func(s *kubedbv1.PgBouncerSpec) {
					s.Configuration = &kubedbv1.PgBouncerConfiguration{ConfigurationSpec: custom}
				}),
			} {
				_, _, err := w.gather(object)
				want := strings.ReplaceAll(c.want, "%s", w.ns)
				if _, ok := errors.AsType[*database.Waiting](err); !ok || !strings.Contains(err.Error(), want) {
					t.Errorf("%T: got %v, want to wait for %q", object, err, want)
				}
			}
		})
	}
}

func TestAPgpoolsUsersComeFromThreePlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgresql://db.example.org", "s3cret")
	w.create(w.synced("alice", "from-label"), w.synced("postgres", "takeover"), w.login("carol", "carol", "from-secret"),
		&corev1.ConfigMap{ObjectMeta: w.meta("names"), Data: map[string]string{"name": "dave"}})
	secretRef := func(key string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "carol"}, Key: key}}
	}
	gone := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "gone"}, Key: "x", Optional: ptr.To(true),
	}}
	named := &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "names"}, Key: "name"}}
	pool := w.pgpool(func(s *kubedbv1alpha2.PgpoolSpec) {
		s.PodTemplate = &sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{Containers: []corev1.Container{
			{Name: "sidecar", Env: []corev1.EnvVar{{Name: "X_USERNAME", Value: "sidecar"}, {Name: "X_PASSWORD", Value: "x"}}},
			{Name: "pgpool", Env: []corev1.EnvVar{
				{Name: "BOB_USERNAME", Value: "bob"}, {Name: "BOB_PASSWORD", Value: "literal"},
				{Name: "C_USERNAME", ValueFrom: secretRef("username")}, {Name: "C_PASSWORD", ValueFrom: secretRef("password")},
				{Name: "D_USERNAME", ValueFrom: named}, {Name: "D_PASSWORD", Value: "d"},
				{Name: "E_USERNAME", ValueFrom: gone}, {Name: "E_PASSWORD", Value: "e"},
				{Name: "F_USERNAME", Value: "no-password"},
				{Name: "Z_USERNAME", Value: "bob"}, {Name: "Z_PASSWORD", Value: "last-in-the-alphabet"},
				{Name: "P_USERNAME", Value: "postgres"}, {Name: "P_PASSWORD", Value: "takeover"},
			}},
		}}}
	})
	passwords := string(w.build(pool).Secrets[0].Data[naming.PgpoolPasswords])
	want := "alice:TEXTfrom-label\nbob:TEXTlast-in-the-alphabet\ncarol:TEXTfrom-secret\ndave:TEXTd\npostgres:TEXTs3cret\n"
	if passwords != want {
		t.Errorf("got\n%swant\n%s", passwords, want)
	}
	pool.Spec.SyncUsers, pool.Spec.PodTemplate = false, nil
	if got := names(w.build(pool).Secrets[0].Data[naming.PgpoolPasswords], ":"); got != "postgres" {
		t.Errorf("got %s, want the administrator alone", got)
	}
	gone.SecretKeyRef.Optional = nil
	pool = w.pgpool(func(s *kubedbv1alpha2.PgpoolSpec) {
		s.PodTemplate = &sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{Containers: []corev1.Container{
			{Name: "pgpool", Env: []corev1.EnvVar{{Name: "E_USERNAME", ValueFrom: gone}}},
		}}}
	})
	if _, _, err := w.gather(pool); err == nil || !strings.Contains(err.Error(), "Secret "+w.ns+"/gone: not found; the variable E_USERNAME") {
		t.Errorf("got %v", err)
	}
}

// behind makes the AppBinding name the Service of a Postgres, as that of a Postgres of Matriarch's does.
func (w *world) behind(service string) {
	w.Helper()
	binding := &appcatalogv1alpha1.AppBinding{}
	if err := env.Client.Get(w.Context(), client.ObjectKey{Namespace: w.ns, Name: "pg"}, binding); err != nil {
		w.Fatal(err)
	}
	binding.Spec.ClientConfig = appcatalogv1alpha1.ClientConfig{Service: &appcatalogv1alpha1.ServiceReference{Scheme: "postgresql", Name: service, Port: 5432}}
	if err := env.Client.Update(w.Context(), binding); err != nil {
		w.Fatal(err)
	}
}

// backends are the hosts that a Pgpool is told of, and what it lacks.
func (w *world) backends(change ...func(*kubedbv1alpha2.PgpoolSpec)) (hosts []string, lacks string) {
	w.Helper()
	d := w.build(w.pgpool(change...))
	for line := range strings.Lines(string(d.Config.Data[naming.PgpoolConf])) {
		if name, value, _ := strings.Cut(line, " = "); strings.HasPrefix(name, "backend_hostname") {
			hosts = append(hosts, strings.TrimSuffix(strings.Trim(value, "'\n"), "."+w.ns+".svc"))
		}
	}
	return hosts, d.Lacks
}

func TestStandbysBecomeABackendWhenTheirServiceAppears(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgresql://unused.example.org", "x")
	w.behind("pg")
	if got, _ := w.backends(); !slices.Equal(got, []string{"pg"}) {
		t.Errorf("got %v, want the primary alone", got)
	}
	w.create(&corev1.Service{ObjectMeta: w.meta("pg-standby"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}}})
	if got, _ := w.backends(); !slices.Equal(got, []string{"pg", "pg-standby"}) {
		t.Errorf("got %v, want primary and standbys", got)
	}
}

func TestReadReplicasAreABackendWhileTheyExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgresql://unused.example.org", "x")
	w.behind("pg")
	listed := func(s *kubedbv1alpha2.PgpoolSpec) {
		s.Configuration = &kubedbv1alpha2.PgpoolConfiguration{Backends: []kubedbv1alpha2.Backend{{GroupName: "PRIMARY", Weight: 1}, {GroupName: "reports", Weight: 1}}}
	}
	without := func() {
		t.Helper()
		if got, lacks := w.backends(listed); !slices.Equal(got, []string{"pg"}) || !strings.Contains(lacks, "read replicas reports of Postgres "+w.ns+"/pg") {
			t.Errorf("got %v, lacking %q; want the primary alone, and that said", got, lacks)
		}
	}
	without()
	service := &corev1.Service{ObjectMeta: w.meta("pg-rr-reports"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}}}
	service.Labels = naming.Selector(naming.NamePostgres, "pg")
	service.Labels[naming.LabelReadReplica] = "reports"
	w.create(service)
	if got, lacks := w.backends(listed); !slices.Equal(got, []string{"pg", "pg-rr-reports"}) || lacks != "" {
		t.Errorf("got %v, lacking %q, want primary and read replicas", got, lacks)
	}
	if got, _ := w.backends(); !slices.Equal(got, []string{"pg"}) {
		t.Errorf("got %v where nobody asked for read replicas", got)
	}
	if err := env.Client.Delete(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	without()
}

func TestWhatIsNotSupportedIsNotLeftOutInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgresql://db.example.org", "x")
	for _, c := range []struct {
		object client.Object
		want   string
	}{
		{w.pgpool(func(s *kubedbv1alpha2.PgpoolSpec) { s.TLS = &sharedv1.TLSConfig{} }), "name the cert-manager Issuer"},
		{w.pgbouncer(func(s *kubedbv1.PgBouncerSpec) { s.TLS = &sharedv1.TLSConfig{} }), "name the cert-manager Issuer"},
		{w.pgpool(func(s *kubedbv1alpha2.PgpoolSpec) { s.Monitor = &sharedv1.MonitoringSpec{} }), "names no exporter image"},
	} {
		_, _, err := w.gather(c.object)
		if _, ok := errors.AsType[*database.Unusable](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: got %v, want %q", c.object, err, c.want)
		}
	}
}

// probed is the fingerprint of a probe; the pooler itself is not there to answer.
func probed(ctx context.Context, kind database.Kind, g database.Gathered) string {
	return kind.Probe(ctx, g).Fingerprint
}

// local is the address of a server on loopback.
func local(port int32) string { return fmt.Sprintf("postgresql://127.0.0.1:%d?sslmode=disable", port) }
