package rules

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

func TestWhatGoesTogetherOfTLS(t *testing.T) {
	t.Parallel()
	config := func(change func(*sharedv1.TLSConfig)) *sharedv1.TLSConfig {
		c := &sharedv1.TLSConfig{IssuerRef: &corev1.TypedLocalObjectReference{Name: "ca"}}
		change(c)
		return c
	}
	same := func(*sharedv1.TLSConfig) {}
	wish := func(w sharedv1.CertificateSpec) *sharedv1.TLSConfig {
		return config(func(c *sharedv1.TLSConfig) { c.Certificates = []sharedv1.CertificateSpec{w} })
	}
	hours := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Hour} }
	for name, c := range map[string]struct {
		security Security
		want     string
	}{
		"none":                     {Security{}, ""},
		"disabled":                 {Security{SSLMode: sharedv1.SSLModeDisable}, ""},
		"TLS":                      {Security{TLS: config(same), SSLMode: sharedv1.SSLModeVerifyFull, ClientAuthMode: sharedv1.ClientAuthModeCert}, ""},
		"a mode without TLS":       {Security{SSLMode: sharedv1.SSLModeRequire}, "spec.sslMode: Invalid value: \"require\": it needs spec.tls"},
		"certificates without TLS": {Security{ClientAuthMode: sharedv1.ClientAuthModeCert}, "spec.clientAuthMode: Invalid value"},
		"TLS that is disabled":     {Security{TLS: config(same), SSLMode: sharedv1.SSLModeDisable}, "spec.tls asks for TLS"},
		"no issuer":                {Security{TLS: &sharedv1.TLSConfig{}}, "spec.tls.issuerRef: Required value"},
		"another group": {Security{TLS: config(func(c *sharedv1.TLSConfig) { c.IssuerRef.APIGroup = ptr.To("x") })},
			"spec.tls.issuerRef.apiGroup: Unsupported value"},
		"another kind":    {Security{TLS: config(func(c *sharedv1.TLSConfig) { c.IssuerRef.Kind = "Secret" })}, "spec.tls.issuerRef.kind: Unsupported value"},
		"an unknown one":  {Security{TLS: wish(sharedv1.CertificateSpec{Alias: "x"})}, "spec.tls.certificates[0].alias: Unsupported value"},
		"no address":      {Security{TLS: wish(sharedv1.CertificateSpec{Alias: "server", IPAddresses: []string{"x"}})}, "it is no IP address"},
		"too short":       {Security{TLS: wish(sharedv1.CertificateSpec{Alias: "server", Duration: &metav1.Duration{Duration: time.Minute}})}, "issues for 1h0m0s at least"},
		"renewed at once": {Security{TLS: wish(sharedv1.CertificateSpec{Alias: "server", Duration: hours(2), RenewBefore: hours(2)})}, "less than the duration"},
		"its own issuer":  {Security{TLS: wish(sharedv1.CertificateSpec{Alias: "client", IssuerRef: &corev1.TypedLocalObjectReference{}})}, "certificates[0].issuerRef: Required value"},
		"an alias twice": {Security{TLS: config(func(c *sharedv1.TLSConfig) {
			c.Certificates = []sharedv1.CertificateSpec{{Alias: "server"}, {Alias: "server"}}
		})}, "spec.tls.certificates[1].alias: Duplicate value"},
	} {
		says(t, name, TLS(field.NewPath("spec"), c.security), c.want)
	}
}
