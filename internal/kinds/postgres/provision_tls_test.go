package postgres

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// secured is a namespace with the provisioner, a cert-manager and a Postgres with TLS.
type secured struct {
	testing.TB
	ns    string
	certs *testenv.CertManager
}

func newSecured(t testing.TB, issuer func(*testenv.CertManager)) *secured {
	t.Helper()
	ns := env.Namespace(t)
	versions(t)
	s := &secured{TB: t, ns: ns, certs: env.CertManager(t, ns)}
	issuer(s.certs)
	run(t, ns)
	pg := valid(ns)
	pg.Spec.TLS = tlsOn("ca")
	create(t, pg)
	return s
}

// published waits until the set that the members read is as wanted.
func (s *secured) published(why string, wanted func(tls.Set) bool) tls.Set {
	s.Helper()
	var set tls.Set
	testenv.Eventually(s, func(ctx context.Context) error {
		secret := &corev1.Secret{}
		if err := env.Client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "pg-tls-certs"}, secret); err != nil {
			return err
		}
		if set = tls.FromFiles(secret.Data); !wanted(set) {
			return fmt.Errorf("%s: not yet", why)
		}
		return nil
	})
	return set
}

// takes has the member report that it has what is published now.
func (s *secured) takes(set tls.Set) {
	s.Helper()
	testenv.Eventually(s, func(ctx context.Context) error {
		pod := &corev1.Pod{}
		if err := env.Client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "pg-0"}, pod); err != nil {
			return err
		}
		patch := client.MergeFrom(pod.DeepCopy())
		if pod.Annotations == nil {
			pod.Annotations = map[string]string{}
		}
		pod.Annotations[naming.AnnotationReport] = report.Report{CertificateHash: report.HashFiles(set.Files())}.String()
		return env.Client.Patch(ctx, pod, patch)
	})
}

// edit changes the spec of the Postgres.
func (s *secured) edit(change func(*kubedbv1.PostgresSpec)) {
	s.Helper()
	testenv.Eventually(s, func(ctx context.Context) error {
		pg := &kubedbv1.Postgres{}
		if err := env.Client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "pg"}, pg); err != nil {
			return err
		}
		change(&pg.Spec)
		return env.Client.Update(ctx, pg)
	})
}

// waitsFor waits for the words in the condition that says what is missing.
func (s *secured) waitsFor(words string) {
	s.Helper()
	testenv.Eventually(s, func(ctx context.Context) error {
		pg := &kubedbv1.Postgres{}
		if err := env.Client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "pg"}, pg); err != nil {
			return err
		}
		c := kube.FindCondition(pg.Status.Conditions, sharedv1.ConditionDatabaseDependencyReady)
		switch {
		case words == "" && c != nil:
			return fmt.Errorf("it waits: %s", c.Message)
		case words != "" && (c == nil || !strings.Contains(c.Message, words)):
			return fmt.Errorf("the condition is %+v, want %q", c, words)
		}
		return nil
	})
}

func anything(tls.Set) bool { return true }

// trusts tells whether the bundle holds exactly these authorities.
func trusts(authorities ...*tlstest.Authority) func(tls.Set) bool {
	return func(s tls.Set) bool {
		for _, a := range authorities {
			if !bytes.Contains(s.CA, a.PEM) {
				return false
			}
		}
		return bytes.Count(s.CA, []byte("BEGIN CERTIFICATE")) == len(authorities)
	}
}

func TestCertificatesOfANewPostgresAreIssuedAndPublished(t *testing.T) {
	t.Parallel()
	var ca *tlstest.Authority
	s := newSecured(t, func(m *testenv.CertManager) { ca = m.Issuer("ca") })
	set := s.published("all pairs", func(set tls.Set) bool { return len(set.Pairs) == 3 && trusts(ca)(set) })
	for _, name := range []string{"pg-server-cert", "pg-client-cert", "pg-metrics-exporter-cert"} {
		eventually(t, s.ns, name, &certmanager.Certificate{})
	}
	s.waitsFor("")
	testenv.Eventually(t, func(ctx context.Context) error {
		binding := &appcatalogv1alpha1.AppBinding{}
		if err := env.Client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "pg"}, binding); err != nil {
			return err
		}
		config := binding.Spec.ClientConfig
		if !bytes.Equal(config.CABundle, set.CA) || config.Service.Query != "sslmode=verify-full" || binding.Spec.TLSSecret.Name != "pg-client-cert" {
			return fmt.Errorf("the AppBinding says %+v", binding.Spec)
		}
		return nil
	})
}

func TestARenewedCertificateIsPublishedWithoutARequest(t *testing.T) {
	t.Parallel()
	s := newSecured(t, func(m *testenv.CertManager) { m.Issuer("ca") })
	first := s.published("the first set", anything)
	testenv.Eventually(t, func(ctx context.Context) error { // as cert-manager does before a certificate expires
		c := &certmanager.Certificate{}
		if err := env.Client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "pg-server-cert"}, c); err != nil {
			return err
		}
		c.Status.Conditions = nil
		return env.Client.Status().Update(ctx, c)
	})
	s.published("another certificate", func(set tls.Set) bool {
		return !bytes.Equal(set.Pairs[tls.Server].Cert, first.Pairs[tls.Server].Cert)
	})
}

func TestAnotherIssuerComesByOverlap(t *testing.T) {
	t.Parallel()
	var old, other *tlstest.Authority
	s := newSecured(t, func(m *testenv.CertManager) { old, other = m.Issuer("ca"), m.Issuer("other") })
	first := s.published("the first set", func(set tls.Set) bool { return trusts(old)(set) && len(set.Pairs) == 3 })
	s.takes(first)
	s.edit(func(spec *kubedbv1.PostgresSpec) { spec.TLS = tlsOn("other") })
	both := s.published("both authorities", trusts(old, other))
	if !bytes.Equal(both.Pairs[tls.Server].Cert, first.Pairs[tls.Server].Cert) {
		t.Fatal("the new certificate came before its authority was trusted")
	}
	s.takes(both)
	moved := s.published("the new certificates", func(set tls.Set) bool { // which may come one after the other
		for name, pair := range first.Pairs {
			if bytes.Equal(set.Pairs[name].Cert, pair.Cert) {
				return false
			}
		}
		return trusts(old, other)(set)
	})
	s.takes(moved)
	s.published("the new authority alone", trusts(other))
}

func TestWhatKeepsCertificatesAwayIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		issuer func(*testenv.CertManager)
		says   string
	}{
		"no issuer":                {func(*testenv.CertManager) {}, "not found; create it, or correct spec.tls.issuerRef"},
		"an issuer that is silent": {func(m *testenv.CertManager) { m.SilentIssuer("ca", "no key pair") }, "is not ready: no key pair"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSecured(t, c.issuer)
			s.waitsFor(c.says)
			eventually(t, s.ns, "pg-0", &corev1.Pod{}) // its agent waits, and says so
		})
	}
}

// flaw spoils what an authority issues for a Certificate; says is what is said of it.
type flaw struct {
	spoil func(t testing.TB, a *tlstest.Authority, c *certmanager.Certificate, issued *tls.Issued)
	says  string
}

// flaws are the ways in which what was issued cannot be used.
func flaws() map[string]flaw {
	return map[string]flaw{
		"another's key": {func(t testing.TB, a *tlstest.Authority, _ *certmanager.Certificate, issued *tls.Issued) {
			t.Helper()
			issued.Key = a.Issue(t, tlstest.Leaf{}).Key
		}, "private key does not match"},
		"expired": {func(t testing.TB, a *tlstest.Authority, c *certmanager.Certificate, issued *tls.Issued) {
			t.Helper()
			*issued = a.Issue(t, tlstest.Leaf{DNSNames: c.Spec.DNSNames, IPs: c.Spec.IPAddresses, NotAfter: time.Now().Add(-time.Minute)})
		}, "it expired at"},
		"a name too few": {func(t testing.TB, a *tlstest.Authority, c *certmanager.Certificate, issued *tls.Issued) {
			t.Helper()
			if len(c.Spec.DNSNames) > 1 {
				*issued = a.Issue(t, tlstest.Leaf{DNSNames: c.Spec.DNSNames[1:], IPs: c.Spec.IPAddresses})
			}
		}, "it lacks the names"},
	}
}

func TestAnUnusableCertificateIsNeverPublished(t *testing.T) {
	t.Parallel()
	for name, c := range flaws() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ca *tlstest.Authority
			s := newSecured(t, func(m *testenv.CertManager) { ca = m.Issuer("ca") })
			first := s.published("the first set", func(set tls.Set) bool { return len(set.Pairs) == 3 })
			s.takes(first)
			s.certs.Tamper(func(asked *certmanager.Certificate, issued *tls.Issued) { c.spoil(t, ca, asked, issued) })
			s.edit(func(spec *kubedbv1.PostgresSpec) {
				spec.TLS.Certificates = []sharedv1.CertificateSpec{{Alias: sharedv1.CertificateAliasServer, DNSNames: []string{"pg.example.com"}}}
			})
			s.waitsFor(c.says)
			s.published("what it was", func(set tls.Set) bool {
				return bytes.Equal(set.Pairs[tls.Server].Key, first.Pairs[tls.Server].Key) && trusts(ca)(set)
			})
		})
	}
}

func TestWithoutTLSEverythingOfItGoes(t *testing.T) {
	t.Parallel()
	s := newSecured(t, func(m *testenv.CertManager) { m.Issuer("ca") })
	s.takes(s.published("the first set", anything))
	s.edit(func(spec *kubedbv1.PostgresSpec) { spec.TLS, spec.SSLMode = nil, "" })
	testenv.Eventually(t, func(ctx context.Context) error {
		for name, o := range map[string]client.Object{
			"pg-tls-certs": &corev1.Secret{}, "pg-server-cert": &corev1.Secret{}, "pg-client-cert": &certmanager.Certificate{},
		} {
			if err := env.Client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: name}, o); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%T %s is still there: %v", o, name, err)
			}
		}
		return nil
	})
}
