package testenv

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// CertManager plays cert-manager in one namespace: it issues what Certificates ask for, with real certificates.
type CertManager struct {
	env *Env
	t   testing.TB
	ns  string

	mu      sync.Mutex
	issuers map[string]*tlstest.Authority
	tamper  func(*certmanager.Certificate, *tls.Issued)
}

// PacedCertManager returns one that does nothing by itself, only in Round.
func (e *Env) PacedCertManager(t testing.TB, ns string) *CertManager {
	return &CertManager{env: e, t: t, ns: ns, issuers: map[string]*tlstest.Authority{}}
}

// CertManager starts it; it ends with the test.
func (e *Env) CertManager(t testing.TB, ns string) *CertManager {
	m := e.PacedCertManager(t, ns)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if _, err := m.Round(ctx); err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
				t.Logf("the cert-manager of the test: %v", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return m
}

// Issuer creates an Issuer that issues with an authority of its own, which it returns.
func (m *CertManager) Issuer(name string) *tlstest.Authority {
	m.t.Helper()
	authority := tlstest.NewAuthority(m.t, name)
	m.issuer(name, cmmeta.ConditionTrue, "Signing CA verified")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.issuers[name] = authority
	return authority
}

// SilentIssuer creates an Issuer that never issues and says why.
func (m *CertManager) SilentIssuer(name, words string) {
	m.t.Helper()
	m.issuer(name, cmmeta.ConditionFalse, words)
}

// Tamper changes what is issued from now on.
func (m *CertManager) Tamper(with func(*certmanager.Certificate, *tls.Issued)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tamper = with
}

func (m *CertManager) issuer(name string, ready cmmeta.ConditionStatus, words string) {
	m.t.Helper()
	issuer := &certmanager.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: m.ns, Name: name}}
	issuer.Spec.CA = &certmanager.CAIssuer{SecretName: name}
	if err := m.env.Client.Create(context.Background(), issuer); err != nil {
		m.t.Fatalf("create Issuer %s: %v", name, err)
	}
	issuer.Status.Conditions = []certmanager.IssuerCondition{{
		Type: certmanager.IssuerConditionReady, Status: ready, Reason: "Test", Message: words,
	}}
	if err := m.env.Client.Status().Update(context.Background(), issuer); err != nil {
		m.t.Fatalf("update the status of Issuer %s: %v", name, err)
	}
}

// Round looks at every Certificate once. It returns whether it issued or said anything.
func (m *CertManager) Round(ctx context.Context) (bool, error) {
	var all certmanager.CertificateList
	if err := m.env.Client.List(ctx, &all, client.InNamespace(m.ns)); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	acted := false
	for i := range all.Items {
		did, err := m.look(ctx, &all.Items[i])
		if err != nil {
			return acted, err
		}
		acted = acted || did
	}
	return acted, nil
}

// look issues a certificate if there is reason to. It returns whether it did anything.
func (m *CertManager) look(ctx context.Context, c *certmanager.Certificate) (bool, error) {
	current, issuing := false, false
	for _, condition := range c.Status.Conditions {
		on := condition.Status == cmmeta.ConditionTrue
		current = current || condition.Type == certmanager.CertificateConditionReady && on && condition.ObservedGeneration == c.Generation
		issuing = issuing || condition.Type == certmanager.CertificateConditionIssuing && on
	}
	authority := m.issuers[c.Spec.IssuerRef.Name]
	if current && !issuing {
		return false, nil
	}
	if authority == nil {
		if issuing {
			return false, nil
		}
		return true, m.say(ctx, c, certmanager.CertificateCondition{
			Type: certmanager.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: "DoesNotExist",
			Message: "Issuing certificate as Secret does not exist",
		})
	}
	issued := authority.Issue(m.t, tlstest.Leaf{
		CommonName: c.Spec.CommonName, DNSNames: c.Spec.DNSNames, IPs: c.Spec.IPAddresses,
	})
	if m.tamper != nil {
		m.tamper(c, &issued)
	}
	if err := m.write(ctx, c, issued); err != nil {
		return false, err
	}
	return true, m.say(ctx, c, certmanager.CertificateCondition{
		Type: certmanager.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: "Ready",
		Message: "Certificate is up to date and has not expired",
	})
}

func (m *CertManager) write(ctx context.Context, c *certmanager.Certificate, issued tls.Issued) error {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: m.ns, Name: c.Spec.SecretName},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.crt": issued.Cert, "tls.key": issued.Key, "ca.crt": issued.CA},
	}
	if c.Spec.SecretTemplate != nil {
		secret.Labels = c.Spec.SecretTemplate.Labels
	}
	err := m.env.Client.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		err = m.env.Client.Update(ctx, secret)
	}
	if err != nil {
		return fmt.Errorf("write Secret %s: %w", secret.Name, err)
	}
	return nil
}

// say leaves one condition on the Certificate, and none that it is being issued unless it says so.
func (m *CertManager) say(ctx context.Context, c *certmanager.Certificate, condition certmanager.CertificateCondition) error {
	condition.ObservedGeneration = c.Generation
	c.Status.Conditions = slices.DeleteFunc(c.Status.Conditions, func(old certmanager.CertificateCondition) bool {
		return old.Type == condition.Type || old.Type == certmanager.CertificateConditionIssuing
	})
	c.Status.Conditions = append(c.Status.Conditions, condition)
	return m.env.Client.Status().Update(ctx, c)
}
