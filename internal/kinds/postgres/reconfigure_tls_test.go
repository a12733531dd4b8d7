package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/ops"
	"github.com/matriarchdb/matriarch/internal/provision"
	"github.com/matriarchdb/matriarch/internal/testenv"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// agents play the agents of a Postgres: each takes what the Secrets hold, and serves it.
type agents struct {
	ns string

	mu     sync.Mutex
	serves map[string]tls.Set // what each pod shows, by its name; pods without TLS are absent
	trusts map[string][]byte
	broken error // two members that do not trust each other, or a client that is told to demand what there is not
	// begun is set once every member has been told what to do: from then on it does what clients are told to demand.
	begun bool
}

// play lets the agents work until the test ends.
func play(t testing.TB, ns string) *agents {
	t.Helper()
	a := &agents{ns: ns, serves: map[string]tls.Set{}, trusts: map[string][]byte{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for turn := 0; ctx.Err() == nil; turn++ {
			if err := a.round(ctx, turn); err != nil && ctx.Err() == nil && client.IgnoreNotFound(err) != nil {
				t.Logf("the agents of the test: %v", err)
			}
			time.Sleep(10 * time.Millisecond) //nolint:forbidigo // the pace of the agents
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return a
}

// round lets one member take what is there, so that members are at different places.
func (a *agents) round(ctx context.Context, turn int) error {
	var pods corev1.PodList
	if err := env.Client.List(ctx, &pods, client.InNamespace(a.ns)); err != nil || len(pods.Items) == 0 {
		return err
	}
	pod := &pods.Items[turn%len(pods.Items)]
	config, certs := &corev1.Secret{}, &corev1.Secret{}
	pg := &kubedbv1.Postgres{}
	if err := env.Client.Get(ctx, client.ObjectKey{Namespace: a.ns, Name: "pg"}, pg); err != nil {
		return err
	}
	if err := env.Client.Get(ctx, client.ObjectKey{Namespace: a.ns, Name: naming.ConfigSecret("pg", string(pg.UID))}, config); err != nil {
		return err
	}
	if err := env.Client.Get(ctx, client.ObjectKey{Namespace: a.ns, Name: naming.TLSSecret("pg")}, certs); client.IgnoreNotFound(err) != nil {
		return err
	}
	said := report.Report{ConfigHash: report.HashFiles(config.Data)}
	set := tls.FromFiles(certs.Data)
	a.mu.Lock()
	delete(a.serves, pod.Name)
	if settings, err := pgconf.Parse(pgconf.PostgreSQL, string(config.Data[naming.PostgresConf])); err == nil {
		if on, _ := settings.Get("ssl"); on == "on" && !set.Empty() {
			leaf := tls.LeafOf(set.Pairs[tls.Server])
			said.Serving = &report.Serving{Serial: tls.Serial(leaf), Issuer: leaf.Issuer.String()}
			a.serves[pod.Name], a.trusts[pod.Name] = set, set.CA
		}
	}
	a.distrust()
	_, speaks := a.serves[pod.Name]
	begun := a.begun
	a.mu.Unlock()
	if begun && !speaks {
		if err := a.demanded(ctx, config); err != nil {
			return err
		}
	}
	if !set.Empty() {
		said.CertificateHash = report.HashFiles(set.Files())
	}
	if pod.Annotations[naming.AnnotationReport] == said.String() {
		return nil
	}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, naming.AnnotationReport, said.String())
	return env.Client.Patch(ctx, pod, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// demanded notes that clients are told to demand TLS of servers that do not speak it, as config has it.
func (a *agents) demanded(ctx context.Context, config *corev1.Secret) error {
	binding, now := &appcatalogv1alpha1.AppBinding{}, &corev1.Secret{}
	if err := env.Client.Get(ctx, client.ObjectKey{Namespace: a.ns, Name: "pg"}, binding); err != nil {
		return err
	}
	if err := env.Client.Get(ctx, client.ObjectKeyFromObject(config), now); err != nil || now.ResourceVersion != config.ResourceVersion {
		return err // the servers were about to speak it
	}
	if query := binding.Spec.ClientConfig.Service.Query; strings.Contains(query, "verify") || strings.Contains(query, "require") {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.broken = fmt.Errorf("clients are told %s while the servers speak no TLS", query)
	}
	return nil
}

// distrust notes two members of which one does not trust what the other shows.
func (a *agents) distrust() {
	for one, set := range a.serves {
		for other := range a.serves {
			issued := tls.Issued{Pair: set.Pairs[tls.Server], CA: a.trusts[other]}
			if fault := tls.Check(issued, tls.Want{}, time.Now()); fault != "" {
				a.broken = fmt.Errorf("%s does not trust %s: %s", other, one, fault)
			}
		}
	}
}

// present is a handshake with the member; all of them have the same address here, so all must show the same.
func (a *agents) present(context.Context, string, int32) (tls.Presented, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, set := range a.serves {
		return tls.Presented{Leaf: tls.LeafOf(set.Pairs[tls.Server])}, nil
	}
	return tls.Presented{}, errors.New("nobody speaks TLS")
}

// operated is a Postgres of two members with provisioner, engine and agents at work.
type operated struct {
	*secured
	agents *agents
	pods   map[string]types.UID
}

func newOperated(t testing.TB, config *sharedv1.TLSConfig, issuers func(*testenv.CertManager)) *operated {
	t.Helper()
	ns := env.Namespace(t)
	versions(t)
	o := &operated{secured: &secured{TB: t, ns: ns, certs: env.CertManager(t, ns)}, pods: map[string]types.UID{}}
	issuers(o.certs)
	run(t, ns)
	o.agents = play(t, ns)
	env.Kubelet(ns).Serve(t)
	byObject, err := provision.CacheByObject([]database.Kind{New("agent:1")})
	if err != nil {
		t.Fatal(err)
	}
	env.Manager(t, testenv.ManagerOptions{Namespace: ns, Cache: byObject, Setup: func(mgr ctrl.Manager) error {
		return ops.SetupWithManager(mgr, []database.Kind{New("agent:1")}, ops.Options{Present: o.agents.present})
	}})
	pg := valid(ns)
	pg.Spec.Replicas, pg.Spec.TLS = ptr.To[int32](2), config
	create(t, pg)
	for i := range 2 {
		pod := &corev1.Pod{}
		eventually(t, ns, fmt.Sprintf("pg-%d", i), pod)
		o.pods[pod.Name] = pod.UID
	}
	testenv.Eventually(t, func(ctx context.Context) error { // every agent has reported
		for name := range o.pods {
			pod := &corev1.Pod{}
			if err := env.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, pod); err != nil {
				return err
			}
			said, err := report.Parse(pod.Annotations)
			if err != nil || said.ConfigHash == "" || (config != nil) != (said.Serving != nil) {
				return fmt.Errorf("%s reports %s (%v)", name, said, err)
			}
		}
		return nil
	})
	o.agents.mu.Lock()
	defer o.agents.mu.Unlock()
	o.agents.begun = true
	return o
}

// request carries out a ReconfigureTLS and returns the request when it is over.
func (o *operated) request(name string, change opsv1alpha1.PostgresTLSSpec, timeout time.Duration) *opsv1alpha1.PostgresOpsRequest {
	o.Helper()
	r := o.asks(name, change, timeout)
	testenv.Eventually(o, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(r), r); err != nil {
			return err
		}
		if !r.Status.Phase.Finished() {
			return fmt.Errorf("the request is %s, waiting for %v, journal %+v", r.Status.Phase, r.Status.Conditions, r.Status.Journal)
		}
		return nil
	})
	return r
}

// succeeds is request for one that has to succeed without anybody being restarted or distrusted.
func (o *operated) succeeds(name string, change opsv1alpha1.PostgresTLSSpec) *opsv1alpha1.PostgresOpsRequest {
	o.Helper()
	r := o.request(name, change, 3*time.Minute)
	if r.Status.Phase != opsv1alpha1.OpsRequestPhaseSuccessful {
		o.Fatalf("%s is %s: %+v", name, r.Status.Phase, r.Status.Conditions)
	}
	o.unharmed()
	return r
}

// unharmed checks that the pods are those of the beginning, and that nobody ever distrusted anybody.
func (o *operated) unharmed() {
	o.Helper()
	for name, uid := range o.pods {
		pod := &corev1.Pod{}
		if err := env.Client.Get(context.Background(), client.ObjectKey{Namespace: o.ns, Name: name}, pod); err != nil || pod.UID != uid {
			o.Errorf("pod %s was replaced (%v)", name, err)
		}
	}
	o.agents.mu.Lock()
	defer o.agents.mu.Unlock()
	if o.agents.broken != nil {
		o.Error(o.agents.broken)
	}
	pg := &kubedbv1.Postgres{}
	if err := env.Client.Get(context.Background(), client.ObjectKey{Namespace: o.ns, Name: "pg"}, pg); err != nil || kube.ConditionTrue(pg.Status.Conditions, sharedv1.ConditionPaused) {
		o.Errorf("the database stays paused (%v)", err)
	}
}

func withIssuer(name string) opsv1alpha1.PostgresTLSSpec {
	return opsv1alpha1.PostgresTLSSpec{TLSSpec: opsv1alpha1.TLSSpec{TLSConfig: *tlsOn(name)}}
}

func TestTLSIsAddedRotatedChangedAndRemovedByRequest(t *testing.T) {
	t.Parallel()
	var ca, other *tlstest.Authority
	o := newOperated(t, nil, func(m *testenv.CertManager) { ca, other = m.Issuer("ca"), m.Issuer("other") })

	add := o.succeeds("add", withIssuer("ca"))
	if len(add.Status.Plan.Warnings) != 1 || !strings.Contains(add.Status.Plan.Warnings[0], "new ones without TLS are refused") {
		t.Errorf("the plan warns %v", add.Status.Plan.Warnings)
	}
	first := o.published("the first set", trusts(ca))

	o.succeeds("rotate", opsv1alpha1.PostgresTLSSpec{TLSSpec: opsv1alpha1.TLSSpec{RotateCertificates: true}})
	rotated := o.published("new certificates", trusts(ca))
	for name, pair := range first.Pairs {
		if rotated.Pairs[name].Same(pair) {
			t.Errorf("the certificate %s was not rotated", name)
		}
	}

	o.succeeds("issuer", withIssuer("other"))
	moved := o.published("the other authority alone", trusts(other))

	names := opsv1alpha1.PostgresTLSSpec{}
	names.Certificates = []sharedv1.CertificateSpec{{Alias: sharedv1.CertificateAliasServer, DNSNames: []string{"pg.example.com"}}}
	o.succeeds("names", names)
	named := o.published("another certificate", func(s tls.Set) bool { return !s.Pairs[tls.Server].Same(moved.Pairs[tls.Server]) })
	if err := tls.LeafOf(named.Pairs[tls.Server]).VerifyHostname("pg.example.com"); err != nil {
		t.Error(err)
	}

	mode := opsv1alpha1.PostgresTLSSpec{ClientAuthMode: sharedv1.ClientAuthModeCert}
	mode.SSLMode = sharedv1.SSLModeRequire
	o.succeeds("modes", mode)

	o.succeeds("remove", opsv1alpha1.PostgresTLSSpec{TLSSpec: opsv1alpha1.TLSSpec{Remove: true}})
	pg := &kubedbv1.Postgres{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: o.ns, Name: "pg"}, pg); err != nil {
		t.Fatal(err)
	}
	if pg.Spec.TLS != nil || pg.Spec.SSLMode != sharedv1.SSLModeDisable || pg.Spec.ClientAuthMode != "" {
		t.Errorf("the spec says %+v, %s, %s", pg.Spec.TLS, pg.Spec.SSLMode, pg.Spec.ClientAuthMode)
	}
	testenv.Eventually(t, func(ctx context.Context) error {
		err := env.Client.Get(ctx, client.ObjectKey{Namespace: o.ns, Name: naming.TLSSecret("pg")}, &corev1.Secret{})
		if client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Errorf("the certificates are still published (%v)", err)
		}
		return nil
	})
}

// TestServersSpeakTLSUntilThePoolersDoNotAskForIt: a pooler that verifies its server could not connect any more.
func TestServersSpeakTLSUntilThePoolersDoNotAskForIt(t *testing.T) {
	t.Parallel()
	o := newOperated(t, tlsOn("ca"), func(m *testenv.CertManager) { m.Issuer("ca") })
	set := o.published("the first set", func(s tls.Set) bool { return len(s.Pairs) == 3 })
	pooler := o.poolerThatKnows(set.Files())
	r := o.asks("remove", opsv1alpha1.PostgresTLSSpec{TLSSpec: opsv1alpha1.TLSSpec{Remove: true}}, 3*time.Minute)
	o.tells("sslmode=prefer")
	o.waits(r, "the poolers to ask for TLS no more: "+pooler.Namespace+"/pooler-0")
	if n := o.speaking(); n != len(o.pods) {
		t.Errorf("only %d of %d members still speak TLS", n, len(o.pods))
	}
	shown := set.Files()
	delete(shown, naming.TLSCA) // what it shows it may go on showing
	o.learns(pooler, shown)
	o.wantSuccess(r)
	o.tells("sslmode=disable")
	o.unharmed()
}

// TestServersSpeakNoTLSBeforeThePoolersKnowWhomToTrust: a Pgpool speaks TLS with whoever offers it, and refuses the
// certificate of an authority that it does not know.
func TestServersSpeakNoTLSBeforeThePoolersKnowWhomToTrust(t *testing.T) {
	t.Parallel()
	o := newOperated(t, nil, func(m *testenv.CertManager) { m.Issuer("ca") })
	pooler := o.poolerThatKnows(nil)
	r := o.asks("add", withIssuer("ca"), 3*time.Minute)
	o.tells("sslmode=prefer")
	o.waits(r, "the poolers to know whom to trust: "+pooler.Namespace+"/pooler-0")
	if n := o.speaking(); n != 0 {
		t.Errorf("%d members speak TLS already", n)
	}
	o.learns(pooler, o.published("the first set", func(s tls.Set) bool { return len(s.Pairs) == 3 }).Files())
	o.wantSuccess(r)
	o.tells("sslmode=verify-full")
	o.unharmed()
}

// poolerThatKnows makes the pod of a pooler in front that serves and reports these certificates.
func (o *operated) poolerThatKnows(files map[string][]byte) *corev1.Pod {
	o.Helper()
	pooler := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: env.Namespace(o), Name: "pooler-0", Labels: map[string]string{
			naming.LabelManagedBy: naming.ManagedBy, naming.LabelBackend: naming.BackendKey(o.ns, "pg"),
			naming.LabelName: naming.NamePgBouncer, naming.LabelInstance: "pooler",
		}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "pgbouncer", Image: "pgbouncer"}}},
	}
	create(o, pooler)
	pooler.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if err := env.Client.Status().Update(o.Context(), pooler); err != nil {
		o.Fatal(err)
	}
	o.learns(pooler, files)
	return pooler
}

// learns has a pooler's pod report these certificates.
func (o *operated) learns(pooler *corev1.Pod, files map[string][]byte) {
	o.Helper()
	metav1.SetMetaDataAnnotation(&pooler.ObjectMeta, naming.AnnotationReport, report.Report{UpstreamHash: report.UpstreamHash(files)}.String())
	if err := env.Client.Update(o.Context(), pooler); err != nil {
		o.Fatal(err)
	}
}

// asks makes a request for a change of TLS.
func (o *operated) asks(name string, change opsv1alpha1.PostgresTLSSpec, timeout time.Duration) *opsv1alpha1.PostgresOpsRequest {
	o.Helper()
	r := &opsv1alpha1.PostgresOpsRequest{ObjectMeta: metav1.ObjectMeta{Namespace: o.ns, Name: name}}
	r.Spec.DatabaseRef.Name, r.Spec.Type, r.Spec.TLS = "pg", opsv1alpha1.OpsReconfigureTLS, &change
	r.Spec.Apply, r.Spec.Timeout = opsv1alpha1.ApplyAlways, &metav1.Duration{Duration: timeout}
	create(o, r)
	return r
}

// waits waits until a request says that it waits for something.
func (o *operated) waits(r *opsv1alpha1.PostgresOpsRequest, what string) {
	o.Helper()
	testenv.Eventually(o, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(r), r); err != nil {
			return err
		}
		if j := r.Status.Journal; j == nil || !strings.Contains(j.Waiting, what) {
			return fmt.Errorf("the request does not say that it waits for %s: %s, %+v", what, r.Status.Phase, j)
		}
		return nil
	})
}

func (o *operated) wantSuccess(r *opsv1alpha1.PostgresOpsRequest) {
	o.Helper()
	testenv.Eventually(o, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(r), r); err != nil {
			return err
		}
		if r.Status.Phase != opsv1alpha1.OpsRequestPhaseSuccessful {
			return fmt.Errorf("the request is %s: %+v", r.Status.Phase, r.Status.Journal)
		}
		return nil
	})
}

// speaking is how many members speak TLS now.
func (o *operated) speaking() int {
	o.agents.mu.Lock()
	defer o.agents.mu.Unlock()
	return len(o.agents.serves)
}

// tells waits until the AppBinding says how clients are to come.
func (o *operated) tells(query string) {
	o.Helper()
	testenv.Eventually(o, func(ctx context.Context) error {
		binding := &appcatalogv1alpha1.AppBinding{}
		if err := env.Client.Get(ctx, client.ObjectKey{Namespace: o.ns, Name: "pg"}, binding); err != nil {
			return err
		}
		if got := binding.Spec.ClientConfig.Service.Query; got != query {
			return fmt.Errorf("the AppBinding says %s, want %s", got, query)
		}
		return nil
	})
}

// failing is a change of TLS that has to fail.
type failing struct {
	prepare func(testing.TB, *testenv.CertManager)
	change  opsv1alpha1.PostgresTLSSpec
	timeout time.Duration
	says    string
}

func failingChanges() map[string]failing {
	nothing := func(testing.TB, *testenv.CertManager) {}
	all := map[string]failing{
		"an unknown issuer": {nothing, withIssuer("nobody"), time.Minute, "not found; create it"},
		"an issuer that never issues": {func(_ testing.TB, m *testenv.CertManager) { m.SilentIssuer("silent", "no key pair") },
			withIssuer("silent"), 8 * time.Second, "is not ready: no key pair"},
		"remove and rotate": {nothing, opsv1alpha1.PostgresTLSSpec{TLSSpec: opsv1alpha1.TLSSpec{Remove: true, RotateCertificates: true}},
			time.Minute, "cannot go together"},
	}
	for name, flaw := range flaws() {
		all["what is issued has a flaw: "+name] = failing{func(t testing.TB, m *testenv.CertManager) {
			t.Helper()
			sloppy := m.Issuer("sloppy")
			m.Tamper(func(c *certmanager.Certificate, issued *tls.Issued) {
				if c.Spec.IssuerRef.Name == "sloppy" {
					flaw.spoil(t, sloppy, c, issued)
				}
			})
		}, withIssuer("sloppy"), time.Minute, flaw.says}
	}
	return all
}

func TestAChangeOfTLSThatFailsLeavesTheFormerCertificatesInForce(t *testing.T) {
	t.Parallel()
	for name, c := range failingChanges() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ca *tlstest.Authority
			o := newOperated(t, tlsOn("ca"), func(m *testenv.CertManager) { ca = m.Issuer("ca") })
			first := o.published("the first set", func(s tls.Set) bool { return len(s.Pairs) == 3 })
			c.prepare(t, o.certs)
			r := o.request("op", c.change, c.timeout)
			last := kube.FindCondition(r.Status.Conditions, opsv1alpha1.ConditionFailed)
			if r.Status.Phase != opsv1alpha1.OpsRequestPhaseFailed || last == nil || !strings.Contains(last.Message, c.says) {
				t.Fatalf("the request is %s: %+v", r.Status.Phase, r.Status.Conditions)
			}
			o.unharmed()
			now := o.published("the former certificate", trusts(ca))
			// cert-manager may have issued it anew, having been asked for it again.
			for name := range first.Pairs {
				if fault := tls.Check(tls.Issued{Pair: now.Pairs[name], CA: ca.PEM}, tls.Want{}, time.Now()); fault != "" {
					t.Errorf("the certificate %s: %s", name, fault)
				}
			}
		})
	}
}
