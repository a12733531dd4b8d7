package database

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

func issuer(name string) sharedv1.TLSConfig {
	return sharedv1.TLSConfig{IssuerRef: &corev1.TypedLocalObjectReference{Name: name}}
}

func TestAChangeOfTLSIsMergedIntoTheSpec(t *testing.T) {
	t.Parallel()
	wish := func(alias, dns string) sharedv1.CertificateSpec {
		return sharedv1.CertificateSpec{Alias: alias, DNSNames: []string{dns}}
	}
	ca, other := issuer("ca"), issuer("other")
	wishes := ca
	wishes.Certificates = []sharedv1.CertificateSpec{wish("server", "a"), wish("client", "b")}
	changed := ca
	changed.Certificates = []sharedv1.CertificateSpec{wish("server", "c"), wish("client", "b")}
	none := Security{SSLMode: sharedv1.SSLModeDisable, ClientAuthMode: sharedv1.ClientAuthModeScram}
	full := Security{TLS: &wishes, SSLMode: sharedv1.SSLModeVerifyFull, ClientAuthMode: sharedv1.ClientAuthModeCert}
	for name, c := range map[string]struct {
		now    Security
		change TLSChange
		want   Security
	}{
		"add": {none, TLSChange{Config: ca}, Security{TLS: &ca, ClientAuthMode: sharedv1.ClientAuthModeScram}},
		"add with modes": {none, TLSChange{Config: ca, SSLMode: sharedv1.SSLModeRequire, ClientAuthMode: sharedv1.ClientAuthModeCert},
			Security{TLS: &ca, SSLMode: sharedv1.SSLModeRequire, ClientAuthMode: sharedv1.ClientAuthModeCert}},
		"another issuer": {Security{TLS: &ca, SSLMode: sharedv1.SSLModePrefer}, TLSChange{Config: other}, Security{TLS: &other, SSLMode: sharedv1.SSLModePrefer}},
		"another name": {full, TLSChange{Config: sharedv1.TLSConfig{Certificates: []sharedv1.CertificateSpec{wish("server", "c")}}},
			Security{TLS: &changed, SSLMode: sharedv1.SSLModeVerifyFull, ClientAuthMode: sharedv1.ClientAuthModeCert}},
		"another mode": {full, TLSChange{SSLMode: sharedv1.SSLModeRequire},
			Security{TLS: &wishes, SSLMode: sharedv1.SSLModeRequire, ClientAuthMode: sharedv1.ClientAuthModeCert}},
		"rotate":          {full, TLSChange{Rotate: true}, full},
		"remove":          {full, TLSChange{Remove: true}, Security{SSLMode: sharedv1.SSLModeDisable}},
		"remove for md5":  {full, TLSChange{Remove: true, ClientAuthMode: sharedv1.ClientAuthModeMD5}, Security{SSLMode: sharedv1.SSLModeDisable, ClientAuthMode: sharedv1.ClientAuthModeMD5}},
		"remove as it is": {Security{TLS: &ca, SSLMode: sharedv1.SSLModeRequire, ClientAuthMode: sharedv1.ClientAuthModeScram}, TLSChange{Remove: true}, none},
	} {
		got, err := c.change.Apply(c.now)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestAChangeOfTLSThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	ca := issuer("ca")
	with := Security{TLS: &ca, SSLMode: sharedv1.SSLModeRequire}
	for name, c := range map[string]struct {
		now    Security
		change TLSChange
		says   string
	}{
		"remove and rotate":       {with, TLSChange{Remove: true, Rotate: true}, "cannot go together with rotateCertificates"},
		"remove and issuer":       {with, TLSChange{Remove: true, Config: ca}, "cannot go together"},
		"remove and another mode": {with, TLSChange{Remove: true, SSLMode: sharedv1.SSLModeRequire}, "cannot go together"},
		"remove for certificates": {with, TLSChange{Remove: true, ClientAuthMode: sharedv1.ClientAuthModeCert}, "use clientAuthMode md5 or scram"},
		"remove nothing":          {Security{}, TLSChange{Remove: true}, "the database has no TLS"},
		"nothing":                 {with, TLSChange{}, "says nothing to do"},
		"rotate nothing":          {Security{}, TLSChange{Rotate: true}, "spec.tls.issuerRef is needed"},
		"a mode without TLS":      {Security{}, TLSChange{SSLMode: sharedv1.SSLModeRequire}, "spec.tls.issuerRef is needed"},
	} {
		if _, err := c.change.Apply(c.now); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
