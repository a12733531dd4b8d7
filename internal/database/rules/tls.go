package rules

import (
	"fmt"
	"net"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// Security is how clients get into an instance.
type Security struct {
	TLS            *sharedv1.TLSConfig
	SSLMode        sharedv1.SSLMode
	ClientAuthMode sharedv1.ClientAuthMode
}

// Limits of cert-manager's (its validation of Certificate.spec).
const (
	shortestDuration    = time.Hour
	shortestRenewBefore = 5 * time.Minute
)

// TLS checks what goes together of tls, sslMode and clientAuthMode, and the wishes for certificates.
func TLS(spec *field.Path, s Security) field.ErrorList {
	var problems field.ErrorList
	refuse := func(at string, value any, why string) {
		problems = append(problems, field.Invalid(spec.Child(at), value, why))
	}
	off := s.SSLMode == "" || s.SSLMode == sharedv1.SSLModeDisable
	switch {
	case s.TLS == nil && !off:
		refuse("sslMode", s.SSLMode, "it needs spec.tls; without TLS the only mode is disable")
	case s.TLS != nil && s.SSLMode == sharedv1.SSLModeDisable:
		refuse("sslMode", s.SSLMode, "spec.tls asks for TLS; remove it or choose another mode, such as verify-full")
	}
	if s.TLS == nil {
		if s.ClientAuthMode == sharedv1.ClientAuthModeCert {
			refuse("clientAuthMode", s.ClientAuthMode, "it needs spec.tls; without TLS use md5 or scram")
		}
		return problems
	}
	return append(problems, certificates(spec.Child("tls"), s.TLS)...)
}

func certificates(at *field.Path, config *sharedv1.TLSConfig) field.ErrorList {
	problems := issuer(at.Child("issuerRef"), config)
	seen := map[string]bool{}
	for i, wish := range config.Certificates {
		here := at.Child("certificates").Index(i)
		if !slices.Contains(aliases, wish.Alias) {
			problems = append(problems, field.NotSupported(here.Child("alias"), wish.Alias, aliases))
		}
		if seen[wish.Alias] {
			problems = append(problems, field.Duplicate(here.Child("alias"), wish.Alias))
		}
		seen[wish.Alias] = true
		if wish.IssuerRef != nil {
			problems = append(problems, issuer(here.Child("issuerRef"), &sharedv1.TLSConfig{IssuerRef: wish.IssuerRef})...)
		}
		for j, address := range wish.IPAddresses {
			if net.ParseIP(address) == nil {
				problems = append(problems, field.Invalid(here.Child("ipAddresses").Index(j), address, "it is no IP address"))
			}
		}
		problems = append(problems, lifetime(here, wish)...)
	}
	return problems
}

// aliases are the certificates that the API knows.
var aliases = []string{
	sharedv1.CertificateAliasServer, sharedv1.CertificateAliasClient, sharedv1.CertificateAliasMetricsExporter,
	sharedv1.CertificateAliasArchiver,
}

func issuer(at *field.Path, config *sharedv1.TLSConfig) field.ErrorList {
	ref := config.IssuerRef
	if ref == nil || ref.Name == "" {
		return field.ErrorList{field.Required(at, "name the cert-manager Issuer or ClusterIssuer")}
	}
	var problems field.ErrorList
	if ref.APIGroup != nil && *ref.APIGroup != "" && *ref.APIGroup != "cert-manager.io" {
		problems = append(problems, field.NotSupported(at.Child("apiGroup"), *ref.APIGroup, []string{"cert-manager.io"}))
	}
	if ref.Kind != "" && ref.Kind != "Issuer" && ref.Kind != "ClusterIssuer" {
		problems = append(problems, field.NotSupported(at.Child("kind"), ref.Kind, []string{"Issuer", "ClusterIssuer"}))
	}
	return problems
}

func lifetime(at *field.Path, wish sharedv1.CertificateSpec) field.ErrorList {
	var problems field.ErrorList
	duration := 90 * 24 * time.Hour // cert-manager's default
	if d := wish.Duration; d != nil {
		duration = d.Duration
		if duration < shortestDuration {
			problems = append(problems, field.Invalid(at.Child("duration"), d.Duration.String(), fmt.Sprintf("cert-manager issues for %s at least", shortestDuration)))
		}
	}
	if before := wish.RenewBefore; before != nil && (before.Duration < shortestRenewBefore || before.Duration >= duration) {
		problems = append(problems, field.Invalid(at.Child("renewBefore"), before.Duration.String(),
			fmt.Sprintf("it must be at least %s and less than the duration, which is %s", shortestRenewBefore, duration)))
	}
	return problems
}
