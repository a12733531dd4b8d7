package v1alpha1

import sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"

// ReconfigureTLSRequest is a request that can change certificates.
//
// +kubebuilder:object:generate=false
type ReconfigureTLSRequest interface {
	OpsRequest

	// TLSReconfiguration returns the part of the tls section that every kind has, and how clients log in from now on.
	// The section is nil when it is absent.
	TLSReconfiguration() (*TLSSpec, sharedv1.ClientAuthMode)
}

var (
	_ ReconfigureTLSRequest = (*PostgresOpsRequest)(nil)
	_ ReconfigureTLSRequest = (*PgpoolOpsRequest)(nil)
	_ ReconfigureTLSRequest = (*PgBouncerOpsRequest)(nil)
)

// TLSReconfiguration returns the tls section.
func (r *PostgresOpsRequest) TLSReconfiguration() (*TLSSpec, sharedv1.ClientAuthMode) {
	if r.Spec.TLS == nil {
		return nil, ""
	}
	return &r.Spec.TLS.TLSSpec, r.Spec.TLS.ClientAuthMode
}

// TLSReconfiguration returns the tls section.
func (r *PgpoolOpsRequest) TLSReconfiguration() (*TLSSpec, sharedv1.ClientAuthMode) {
	if r.Spec.TLS == nil {
		return nil, ""
	}
	return &r.Spec.TLS.TLSSpec, sharedv1.ClientAuthMode(r.Spec.TLS.ClientAuthMode)
}

// TLSReconfiguration returns the tls section.
func (r *PgBouncerOpsRequest) TLSReconfiguration() (*TLSSpec, sharedv1.ClientAuthMode) {
	if r.Spec.TLS == nil {
		return nil, ""
	}
	return &r.Spec.TLS.TLSSpec, sharedv1.ClientAuthMode(r.Spec.TLS.ClientAuthMode)
}
