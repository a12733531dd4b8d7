package issue_test

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/issue"
)

var request = issue.Request{
	Pair: tls.Server, Alias: sharedv1.CertificateAliasServer, CommonName: "pg", DNSNames: []string{"pg", "pg.demo"},
	IPAddresses: []string{"127.0.0.1"}, Usage: x509.ExtKeyUsageServerAuth,
}

func config(wishes ...sharedv1.CertificateSpec) *sharedv1.TLSConfig {
	return &sharedv1.TLSConfig{IssuerRef: &corev1.TypedLocalObjectReference{Name: "ca"}, Certificates: wishes}
}

func certificate(wishes ...sharedv1.CertificateSpec) *certmanager.Certificate {
	meta := metav1.ObjectMeta{Namespace: "demo", Labels: map[string]string{"a": "b"}}
	return request.Certificate(meta, "pg", config(wishes...))
}

func TestACertificateAsksForWhatTheKindNeeds(t *testing.T) {
	t.Parallel()
	c := certificate()
	want := cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}
	if c.Name != "pg-server-cert" || c.Spec.SecretName != "pg-server-cert" || c.Spec.IssuerRef != want {
		t.Errorf("it is %s with Secret %s of %+v", c.Name, c.Spec.SecretName, c.Spec.IssuerRef)
	}
	if !slices.Contains(c.Spec.Usages, certmanager.UsageServerAuth) || c.Spec.SecretTemplate.Labels["a"] != "b" {
		t.Errorf("usages %v, labels %v", c.Spec.Usages, c.Spec.SecretTemplate.Labels)
	}
}

func TestTheUsersWishesAreAdded(t *testing.T) {
	t.Parallel()
	c := certificate(sharedv1.CertificateSpec{
		Alias: sharedv1.CertificateAliasServer, SecretName: "mine", DNSNames: []string{"pg", "pg.example.com"}, IPAddresses: []string{"10.0.0.1"},
		URIs: []string{"spiffe://pg"}, EmailAddresses: []string{"dba@example.com"}, Duration: &metav1.Duration{Duration: 2 * time.Hour},
		RenewBefore: &metav1.Duration{Duration: time.Hour}, PrivateKey: &sharedv1.CertificatePrivateKey{Encoding: "PKCS8"},
		Subject:   &sharedv1.X509Subject{Organizations: []string{"shop"}},
		IssuerRef: &corev1.TypedLocalObjectReference{APIGroup: ptr.To("cert-manager.io"), Kind: "ClusterIssuer", Name: "public"},
	}, sharedv1.CertificateSpec{Alias: sharedv1.CertificateAliasClient, SecretName: "another"})
	if want := []string{"pg", "pg.demo", "pg.example.com"}; !slices.Equal(c.Spec.DNSNames, want) {
		t.Errorf("names %v, want %v", c.Spec.DNSNames, want)
	}
	if c.Name != "pg-server-cert" || c.Spec.SecretName != "mine" || c.Spec.IssuerRef.Kind != "ClusterIssuer" || c.Spec.Subject.Organizations[0] != "shop" ||
		c.Spec.PrivateKey.Encoding != "PKCS8" || c.Spec.Duration.Duration != 2*time.Hour || len(c.Spec.IPAddresses) != 2 || c.Spec.URIs[0] != "spiffe://pg" {
		t.Errorf("the Certificate is %+v", c.Spec)
	}
	if issue.Same(certificate(), c) || !issue.Same(c.DeepCopy(), c) {
		t.Error("what differs counts as the same, or what is the same does not")
	}
}

func TestWhyACertificateIsNotThereIsSaidInCertManagersWords(t *testing.T) {
	t.Parallel()
	const generation = 2
	ready := func(status cmmeta.ConditionStatus, observed int64) certmanager.CertificateCondition {
		return certmanager.CertificateCondition{Type: certmanager.CertificateConditionReady, Status: status, ObservedGeneration: observed, Message: "ready?"}
	}
	issuing := func(status cmmeta.ConditionStatus) certmanager.CertificateCondition {
		return certmanager.CertificateCondition{Type: certmanager.CertificateConditionIssuing, Status: status, Message: "issuing?"}
	}
	for name, c := range map[string]struct {
		conditions []certmanager.CertificateCondition
		failed     bool
		want       string
	}{
		"issued":                 {[]certmanager.CertificateCondition{ready(cmmeta.ConditionTrue, generation)}, false, ""},
		"issued a while ago":     {[]certmanager.CertificateCondition{ready(cmmeta.ConditionTrue, generation), issuing(cmmeta.ConditionFalse)}, false, ""},
		"as it was asked before": {[]certmanager.CertificateCondition{ready(cmmeta.ConditionTrue, generation-1)}, false, "cert-manager has not looked at it yet"},
		"nobody looked":          {nil, false, "cert-manager has not looked at it yet"},
		"being issued anew":      {[]certmanager.CertificateCondition{ready(cmmeta.ConditionTrue, generation), issuing(cmmeta.ConditionTrue)}, false, "issuing?"},
		"refused":                {[]certmanager.CertificateCondition{ready(cmmeta.ConditionFalse, generation), issuing(cmmeta.ConditionFalse)}, true, "issuing?"},
		"not ready":              {[]certmanager.CertificateCondition{ready(cmmeta.ConditionFalse, generation)}, false, "ready?"},
	} {
		live := certificate()
		live.Generation, live.Status.Conditions = generation, c.conditions
		if c.failed {
			live.Status.LastFailureTime = &metav1.Time{}
		}
		if got := issue.Pending(live); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestACertificateIsMarkedForRenewalOnce(t *testing.T) {
	t.Parallel()
	live := certificate()
	if !issue.Renew(live, metav1.Now()) || issue.Pending(live) == "" {
		t.Error("it is not marked")
	}
	if issue.Renew(live, metav1.Now()) {
		t.Error("it is marked twice")
	}
}

func TestAnIssuersProblemIsItsOwnWords(t *testing.T) {
	t.Parallel()
	status := func(s cmmeta.ConditionStatus) certmanager.IssuerStatus {
		return certmanager.IssuerStatus{Conditions: []certmanager.IssuerCondition{{Type: certmanager.IssuerConditionReady, Status: s, Message: "words"}}}
	}
	for want, s := range map[string]certmanager.IssuerStatus{
		"": status(cmmeta.ConditionTrue), "words": status(cmmeta.ConditionFalse), "cert-manager has not looked at it yet": {},
	} {
		if got := issue.IssuerProblem(s); got != want {
			t.Errorf("the problem is %q, want %q", got, want)
		}
	}
}
