package ops

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/certs"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/issue"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// tlsLine is in the configuration file of a database with TLS; a server speaks TLS if it has the line.
const tlsLine = "tls=on\n"

// Issuers of a world with certificates. The silent one never issues, and what the sloppy one issues has another's key.
const (
	firstIssuer  = "first"
	secondIssuer = "second"
	silentIssuer = "silent"
	sloppyIssuer = "sloppy"
)

// lookAtCertificates has the shared rules decide about the certificates of the kind in these tests: it has one, the
// server's.
func lookAtCertificates(ctx context.Context, r database.Reader, in database.Instance) (certs.State, error) {
	subject := blocks.For(fakeKind{}.Info(), in)
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(subject.Namespace()), client.MatchingLabels(subject.Selector())); err != nil {
		return certs.State{}, err
	}
	reports := map[string]report.Report{}
	for _, pod := range pods.Items {
		if pod.Labels[naming.LabelTrial] != "" {
			continue
		}
		said, err := report.Parse(pod.Annotations)
		if err != nil {
			return certs.State{}, err
		}
		reports[pod.Name] = said
	}
	return certs.Look(ctx, r, certs.Input{
		Subject: subject, Config: in.Object().(*kubedbv1alpha2.Pgpool).Spec.TLS, Reports: reports, Port: 9999,
		Requests: []issue.Request{{
			Pair: tls.Server, Alias: sharedv1.CertificateAliasServer, CommonName: subject.Name(),
			DNSNames: []string{subject.Name()}, Usage: x509.ExtKeyUsageServerAuth,
		}},
	})
}

func (fakeKind) ReconfigureTLS(in database.Instance, change database.TLSChange) (database.Instance, error) {
	out := in.DeepCopy()
	spec := &out.Object().(*kubedbv1alpha2.Pgpool).Spec
	next, err := change.Apply(database.Security{TLS: spec.TLS})
	spec.TLS = next.TLS
	return out, err
}

// certificates is what issues them in a world, and what became of them. A nil one is that of a world without.
type certificates struct {
	manager *testenv.CertManager
	// issued counts the certificates.
	issued int
	// published are the files that the agents find now, sets the hashes of all there were, one after the other.
	published map[string][]byte
	sets      []string
}

func newCertificates(t testing.TB, ns string) *certificates {
	t.Helper()
	c := &certificates{manager: env.PacedCertManager(t, ns)}
	c.manager.Issuer(firstIssuer)
	c.manager.Issuer(secondIssuer)
	c.manager.SilentIssuer(silentIssuer, "no key pair")
	other := c.manager.Issuer(sloppyIssuer).Issue(t, tlstest.Leaf{})
	c.manager.Tamper(func(asked *certmanager.Certificate, issued *tls.Issued) {
		c.issued++
		if asked.Spec.IssuerRef.Name == sloppyIssuer {
			issued.Key = other.Key
		}
	})
	return c
}

// issue gives cert-manager one turn and looks at what is published. It returns whether anything changed.
func (c *certificates) issue(w *world) bool {
	w.t.Helper()
	if c == nil {
		return false
	}
	changed, err := c.manager.Round(w.ctx())
	w.must(err)
	secret := &corev1.Secret{}
	err = w.client.Get(w.ctx(), client.ObjectKey{Namespace: w.ns, Name: naming.TLSSecret(dbName)}, secret)
	if apierrors.IsNotFound(err) {
		c.published = nil
		return changed
	}
	w.must(err)
	c.published = secret.Data
	if hash := report.HashFiles(secret.Data); len(c.sets) == 0 || c.sets[len(c.sets)-1] != hash {
		c.sets = append(c.sets, hash)
		changed = true
	}
	return changed
}

// say adds to a report what an agent says that takes whatever is published, at once.
func (c *certificates) say(w *world, configuration map[string]string, say *report.Report) {
	w.t.Helper()
	if c == nil || c.published == nil {
		return
	}
	if mode := w.sslModeOfClients(); configuration["tls"] != "on" && mode != "disable" && mode != "prefer" {
		w.t.Errorf("a server speaks no TLS while clients are told sslmode=%s", mode)
	}
	say.CertificateHash = report.HashFiles(c.published)
	if leaf := c.leaf(); leaf != nil && configuration["tls"] == "on" {
		say.Serving = &report.Serving{
			Serial: tls.Serial(leaf), Issuer: leaf.Issuer.String(), NotAfter: leaf.NotAfter.Format(time.RFC3339),
		}
	}
}

// sslModeOfClients is how the AppBinding tells clients to come.
func (w *world) sslModeOfClients() string {
	w.t.Helper()
	binding := &appcatalogv1alpha1.AppBinding{}
	w.must(w.client.Get(w.ctx(), client.ObjectKey{Namespace: w.ns, Name: dbName}, binding))
	return strings.TrimPrefix(binding.Spec.ClientConfig.Service.Query, "sslmode=")
}

// leaf is the certificate that every server of the world shows.
func (c *certificates) leaf() *x509.Certificate {
	return tls.LeafOf(tls.FromFiles(c.published).Pairs[tls.Server])
}

// show is a handshake with a server.
func (c *certificates) show(context.Context, string, int32) (tls.Presented, error) {
	if c == nil || c.leaf() == nil {
		return tls.Presented{}, errors.New("the server has no certificate")
	}
	return tls.Presented{Leaf: c.leaf()}, nil
}

// certified says what a scenario has to do with certificates.
type certified struct {
	// before and after are the issuers that the spec names at the beginning and at the end; empty is no TLS.
	before, after string
	// issued is how many certificates were issued in all, sets how many different sets were published one after the
	// other, those of the beginning included. To change the authority takes three: both are trusted, the new certificate
	// is shown, only the new authority is trusted.
	issued, sets int
	// behind tells that what was issued last is not published: the provisioner does it when it has the database back.
	behind bool
}

// ended compares what there is with what the scenario promises.
func (c *certificates) ended(w *world, sc scenario) {
	w.t.Helper()
	if c == nil {
		return
	}
	if c.issued != sc.tls.issued || len(c.sets) != sc.tls.sets {
		w.t.Errorf("%s: %d certificates issued, want %d; %d sets of them published, want %d",
			sc.reason, c.issued, sc.tls.issued, len(c.sets), sc.tls.sets)
	}
	pool := w.database()
	if sc.tls.after == "" {
		for _, obj := range w.desired(pool).Absent { // as the provisioner does when it has the database back
			w.must(client.IgnoreNotFound(w.client.Delete(w.ctx(), obj)))
		}
	}
	named := ""
	if pool.Spec.TLS != nil {
		named = pool.Spec.TLS.IssuerRef.Name
	}
	if named != sc.tls.after {
		w.t.Errorf("%s: the spec names the issuer %q, want %q", sc.reason, named, sc.tls.after)
	}
	c.asked(w, sc)
	if hash := report.HashFiles(c.published); sc.tls.after != "" {
		for name, pod := range w.pods() {
			if r, err := report.Parse(pod.Annotations); err != nil || r.CertificateHash != hash || r.Serving == nil {
				w.t.Errorf("%s: pod %s has other certificates than the published ones: %+v, %v", sc.reason, name, r, err)
			}
		}
	}
	switch now := w.desired(pool).TLS; {
	case sc.tls.after == "":
		if now != nil {
			w.t.Errorf("%s: certificates are left: %+v", sc.reason, now)
		}
	case now.Settled == sc.tls.behind:
		w.t.Errorf("%s: certificates settled: %t (%s)", sc.reason, now.Settled, now.Waits)
	}
}

// asked compares what cert-manager is asked for with what the scenario promises.
func (c *certificates) asked(w *world, sc scenario) {
	w.t.Helper()
	var all certmanager.CertificateList
	w.must(w.client.List(w.ctx(), &all, client.InNamespace(w.ns)))
	asked := ""
	for _, certificate := range all.Items {
		asked += certificate.Spec.IssuerRef.Name
	}
	if asked != sc.tls.after {
		w.t.Errorf("%s: certificates are asked of %q, want %q", sc.reason, asked, sc.tls.after)
	}
}

func issuedBy(issuer string) *sharedv1.TLSConfig {
	if issuer == "" {
		return nil
	}
	return &sharedv1.TLSConfig{IssuerRef: &corev1.TypedLocalObjectReference{
		APIGroup: ptr.To(certmanager.SchemeGroupVersion.Group), Kind: certmanager.IssuerKind, Name: issuer,
	}}
}

// reconfigureTLS asks for another issuer; the empty one has the certificates of the present one issued anew. A step may
// take a few seconds: an issuer that never issues is given up soon.
func reconfigureTLS(issuer string) opsv1alpha1.PgpoolOpsRequestSpec {
	section := opsv1alpha1.TLSSpec{RotateCertificates: issuer == ""}
	if issuer != "" {
		section.TLSConfig = *issuedBy(issuer)
	}
	return opsv1alpha1.PgpoolOpsRequestSpec{
		Type: opsv1alpha1.OpsReconfigureTLS, TLS: &opsv1alpha1.PgpoolTLSSpec{TLSSpec: section},
		RequestBase: opsv1alpha1.RequestBase{Timeout: &metav1.Duration{Duration: 4 * time.Second}},
	}
}

func withoutTLS() opsv1alpha1.PgpoolOpsRequestSpec {
	spec := reconfigureTLS("")
	spec.TLS.TLSSpec = opsv1alpha1.TLSSpec{Remove: true}
	return spec
}

// tlsScenarios are those with certificates. None of them restarts a pod.
func tlsScenarios() map[string]scenario {
	unharmed := map[string]int{"db-0": 1, "db-1": 1}
	return map[string]scenario{
		"tls added": {
			kill: true, reason: "TLS is added by a reload", replicas: 2, spec: reconfigureTLS(firstIssuer),
			tls: &certified{after: firstIssuer, issued: 1, sets: 1}, phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made: unharmed, file: "default=1\n" + tlsLine,
		},
		"tls rotated": {
			kill: true, reason: "certificates are issued anew, once", replicas: 2, spec: reconfigureTLS(""),
			tls: &certified{before: firstIssuer, after: firstIssuer, issued: 2, sets: 2}, phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made: unharmed, file: "default=1\n" + tlsLine,
		},
		"tls of another issuer": {
			kill: true, reason: "the authorities overlap", replicas: 2, spec: reconfigureTLS(secondIssuer),
			tls: &certified{before: firstIssuer, after: secondIssuer, issued: 2, sets: 4}, phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made: unharmed, file: "default=1\n" + tlsLine,
		},
		"tls removed": {
			kill: true, reason: "TLS goes by a reload", replicas: 2, spec: withoutTLS(),
			tls: &certified{before: firstIssuer, issued: 1, sets: 1}, phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made: unharmed, file: "default=1\n",
		},
		"tls unusable": {
			kill: true, reason: "a certificate that cannot be used reaches nobody", replicas: 2, spec: reconfigureTLS(sloppyIssuer),
			tls:   &certified{before: firstIssuer, after: firstIssuer, issued: 3, sets: 1, behind: true},
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "CertificateUnusable",
			made: unharmed, file: "default=1\n" + tlsLine,
		},
		"tls unusable at first": {
			kill: true, reason: "a server without TLS stays as it was", replicas: 2, spec: reconfigureTLS(sloppyIssuer),
			tls: &certified{issued: 1}, phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "CertificateUnusable",
			made: unharmed, file: "default=1\n",
		},
		"tls never issued": {
			kill: true, reason: "the former certificates stay in force, and are asked for again", replicas: 2, spec: reconfigureTLS(silentIssuer),
			tls:   &certified{before: firstIssuer, after: firstIssuer, issued: 2, sets: 1, behind: true},
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "TimedOut",
			made: unharmed, file: "default=1\n" + tlsLine,
		},
		"tls never issued at first": {
			kill: true, reason: "of what could not be added nothing is left", replicas: 2, spec: reconfigureTLS(silentIssuer),
			tls: &certified{}, phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "TimedOut",
			made: unharmed, file: "default=1\n",
		},
	}
}
