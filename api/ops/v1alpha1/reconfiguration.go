package v1alpha1

// ReconfigureRequest is a request that can change a configuration.
//
// +kubebuilder:object:generate=false
type ReconfigureRequest interface {
	OpsRequest

	// Reconfiguration returns the part of the configuration section that every kind has, and the whole section in the
	// kind's own type. Both are nil when the section is absent.
	Reconfiguration() (common *ReconfigurationSpec, section any)
}

var (
	_ ReconfigureRequest = (*PostgresOpsRequest)(nil)
	_ ReconfigureRequest = (*PgpoolOpsRequest)(nil)
	_ ReconfigureRequest = (*PgBouncerOpsRequest)(nil)
)

// Reconfiguration returns the configuration section.
func (r *PostgresOpsRequest) Reconfiguration() (*ReconfigurationSpec, any) {
	if r.Spec.Configuration == nil {
		return nil, nil
	}
	return &r.Spec.Configuration.ReconfigurationSpec, r.Spec.Configuration
}

// Reconfiguration returns the configuration section.
func (r *PgpoolOpsRequest) Reconfiguration() (*ReconfigurationSpec, any) {
	if r.Spec.Configuration == nil {
		return nil, nil
	}
	return &r.Spec.Configuration.ReconfigurationSpec, r.Spec.Configuration
}

// Reconfiguration returns the configuration section.
func (r *PgBouncerOpsRequest) Reconfiguration() (*ReconfigurationSpec, any) {
	if r.Spec.Configuration == nil {
		return nil, nil
	}
	return &r.Spec.Configuration.ReconfigurationSpec, r.Spec.Configuration
}
