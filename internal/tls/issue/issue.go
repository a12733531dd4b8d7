// Package issue asks cert-manager for certificates and reads what became of it. It builds objects and judges them; it
// does not talk to the API server.
package issue

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
)

// Request is one certificate that a database kind needs, before the user's wishes.
type Request struct {
	// Pair is the certificate's name in package tls, Alias its name in the API.
	Pair, Alias string
	CommonName  string
	DNSNames    []string
	IPAddresses []string
	// Usage is what it must be good for.
	Usage x509.ExtKeyUsage
}

// Defaults of an issuer reference.
const (
	KindIssuer    = certmanager.IssuerKind
	KindCluster   = certmanager.ClusterIssuerKind
	revisionsKept = 1
)

// Certificate builds the cert-manager Certificate of a request. meta is what the objects of the instance have: the
// issued Secret gets the same labels.
func (r Request) Certificate(meta metav1.ObjectMeta, db string, config *sharedv1.TLSConfig) *certmanager.Certificate {
	wish := wishFor(config, r.Alias)
	meta.Name = naming.CertSecret(db, r.Alias)
	kept := int32(revisionsKept)
	c := &certmanager.Certificate{ObjectMeta: meta, Spec: certmanager.CertificateSpec{
		CommonName:           r.CommonName,
		DNSNames:             merged(r.DNSNames, wish.DNSNames),
		IPAddresses:          merged(r.IPAddresses, wish.IPAddresses),
		URIs:                 wish.URIs,
		EmailAddresses:       wish.EmailAddresses,
		Duration:             wish.Duration,
		RenewBefore:          wish.RenewBefore,
		SecretName:           cmp.Or(wish.SecretName, meta.Name),
		SecretTemplate:       &certmanager.CertificateSecretTemplate{Labels: meta.Labels},
		IssuerRef:            issuerOf(config, wish),
		Usages:               usages(r.Usage),
		RevisionHistoryLimit: &kept,
	}}
	if s := wish.Subject; s != nil {
		c.Spec.Subject = &certmanager.X509Subject{
			Organizations: s.Organizations, Countries: s.Countries, OrganizationalUnits: s.OrganizationalUnits,
			Localities: s.Localities, Provinces: s.Provinces, StreetAddresses: s.StreetAddresses,
			PostalCodes: s.PostalCodes, SerialNumber: s.SerialNumber,
		}
	}
	if k := wish.PrivateKey; k != nil {
		c.Spec.PrivateKey = &certmanager.CertificatePrivateKey{Encoding: certmanager.PrivateKeyEncoding(k.Encoding)}
	}
	return c
}

// Want is what the issued certificate must be.
func (r Request) Want(c *certmanager.Certificate) tls.Want {
	return tls.Want{DNSNames: c.Spec.DNSNames, IPAddresses: c.Spec.IPAddresses, Usage: r.Usage}
}

// OfSecret reads what cert-manager issued.
func OfSecret(secret *corev1.Secret) tls.Issued {
	return tls.Issued{
		Pair: tls.Pair{Cert: secret.Data[corev1.TLSCertKey], Key: secret.Data[corev1.TLSPrivateKeyKey]},
		CA:   secret.Data[naming.TLSCA],
	}
}

// Same tells whether a live Certificate asks for what is desired. Fields that only the live one has are cert-manager's.
func Same(live, desired *certmanager.Certificate) bool {
	a, b := live.Spec, desired.Spec
	equal := func(x, y []string) bool { return slices.Equal(x, y) }
	return a.CommonName == b.CommonName && equal(a.DNSNames, b.DNSNames) && equal(a.IPAddresses, b.IPAddresses) &&
		equal(a.URIs, b.URIs) && equal(a.EmailAddresses, b.EmailAddresses) && sameDuration(a.Duration, b.Duration) &&
		sameDuration(a.RenewBefore, b.RenewBefore) && a.SecretName == b.SecretName && a.IssuerRef == b.IssuerRef &&
		sameSubject(a.Subject, b.Subject) && sameKey(a.PrivateKey, b.PrivateKey)
}

// Pending says why a live Certificate has not been issued as it asks for, in cert-manager's words; empty if it has.
func Pending(live *certmanager.Certificate) string {
	ready, issuing := condition(live, certmanager.CertificateConditionReady), condition(live, certmanager.CertificateConditionIssuing)
	switch {
	case issuing != nil && issuing.Status == cmmeta.ConditionTrue:
		return issuing.Message
	case issuing != nil && issuing.Status == cmmeta.ConditionFalse && live.Status.LastFailureTime != nil:
		return issuing.Message
	case ready == nil || ready.ObservedGeneration != live.Generation:
		return "cert-manager has not looked at it yet"
	case ready.Status != cmmeta.ConditionTrue:
		return ready.Message
	}
	return ""
}

// Renew marks a Certificate to be issued anew, as cmctl renew does. It tells whether there was anything to mark.
func Renew(live *certmanager.Certificate, now metav1.Time) bool {
	const reason, message = "ManuallyTriggered", "Certificate re-issuance manually triggered"
	if c := condition(live, certmanager.CertificateConditionIssuing); c != nil && c.Status == cmmeta.ConditionTrue {
		return false
	}
	live.Status.Conditions = slices.DeleteFunc(live.Status.Conditions, func(c certmanager.CertificateCondition) bool {
		return c.Type == certmanager.CertificateConditionIssuing
	})
	live.Status.Conditions = append(live.Status.Conditions, certmanager.CertificateCondition{
		Type: certmanager.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: reason, Message: message,
		LastTransitionTime: &now, ObservedGeneration: live.Generation,
	})
	return true
}

// IssuerProblem says why an issuer does not issue, in its own words; empty if it is ready.
func IssuerProblem(status certmanager.IssuerStatus) string {
	for _, c := range status.Conditions {
		if c.Type == certmanager.IssuerConditionReady {
			if c.Status == cmmeta.ConditionTrue {
				return ""
			}
			return c.Message
		}
	}
	return "cert-manager has not looked at it yet"
}

func condition(c *certmanager.Certificate, kind certmanager.CertificateConditionType) *certmanager.CertificateCondition {
	for i := range c.Status.Conditions {
		if c.Status.Conditions[i].Type == kind {
			return &c.Status.Conditions[i]
		}
	}
	return nil
}

func wishFor(config *sharedv1.TLSConfig, alias string) sharedv1.CertificateSpec {
	for _, wish := range config.Certificates {
		if wish.Alias == alias {
			return wish
		}
	}
	return sharedv1.CertificateSpec{}
}

func issuerOf(config *sharedv1.TLSConfig, wish sharedv1.CertificateSpec) cmmeta.IssuerReference {
	ref := config.IssuerRef
	if wish.IssuerRef != nil {
		ref = wish.IssuerRef
	}
	if ref == nil {
		return cmmeta.IssuerReference{}
	}
	out := cmmeta.IssuerReference{Name: ref.Name, Kind: cmp.Or(ref.Kind, KindIssuer), Group: certmanager.SchemeGroupVersion.Group}
	if ref.APIGroup != nil && *ref.APIGroup != "" {
		out.Group = *ref.APIGroup
	}
	return out
}

// IssuerName names an issuer in messages.
func IssuerName(ref cmmeta.IssuerReference, namespace string) string {
	if ref.Kind == KindCluster {
		return fmt.Sprintf("%s %s", ref.Kind, ref.Name)
	}
	return fmt.Sprintf("%s %s/%s", ref.Kind, namespace, ref.Name)
}

func usages(usage x509.ExtKeyUsage) []certmanager.KeyUsage {
	both := []certmanager.KeyUsage{certmanager.UsageDigitalSignature, certmanager.UsageKeyEncipherment}
	if usage == x509.ExtKeyUsageServerAuth {
		both = append(both, certmanager.UsageServerAuth)
	}
	return append(both, certmanager.UsageClientAuth)
}

// merged appends what the user adds, without repeating anything.
func merged(ours, users []string) []string {
	out := slices.Clone(ours)
	for _, name := range users {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func sameDuration(a, b *metav1.Duration) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Duration == b.Duration
}

func sameKey(a, b *certmanager.CertificatePrivateKey) bool {
	return b == nil || a != nil && a.Encoding == b.Encoding
}

func sameSubject(a, b *certmanager.X509Subject) bool {
	if a == nil {
		a = &certmanager.X509Subject{}
	}
	if b == nil {
		b = &certmanager.X509Subject{}
	}
	return slices.Equal(a.Organizations, b.Organizations) && slices.Equal(a.Countries, b.Countries) &&
		slices.Equal(a.OrganizationalUnits, b.OrganizationalUnits) && slices.Equal(a.Localities, b.Localities) &&
		slices.Equal(a.Provinces, b.Provinces) && slices.Equal(a.StreetAddresses, b.StreetAddresses) &&
		slices.Equal(a.PostalCodes, b.PostalCodes) && a.SerialNumber == b.SerialNumber
}
