package v1

// DatabasePhase sums up the conditions of a database or pooler in one word.
// +kubebuilder:validation:Enum=Provisioning;DataRestoring;Ready;Critical;NotReady;Halted;Unknown
type DatabasePhase string

const (
	// PhaseProvisioning: not yet ready for the first time.
	PhaseProvisioning DatabasePhase = "Provisioning"
	// PhaseDataRestoring: being initialised from a backup.
	PhaseDataRestoring DatabasePhase = "DataRestoring"
	// PhaseReady: every member works.
	PhaseReady DatabasePhase = "Ready"
	// PhaseCritical: a member is down or a check fails, but clients are served.
	PhaseCritical DatabasePhase = "Critical"
	// PhaseNotReady: no client can connect.
	PhaseNotReady DatabasePhase = "NotReady"
	// PhaseHalted: stopped on request; data and credentials are kept.
	PhaseHalted DatabasePhase = "Halted"
	// PhaseUnknown: the health check is paused.
	PhaseUnknown DatabasePhase = "Unknown"
)

// DatabaseStatus is the part of the status that every database and pooler has.
type DatabaseStatus struct {
	// Phase sums up the conditions.
	// +optional
	Phase DatabasePhase `json:"phase,omitempty"`

	// ObservedGeneration is the metadata.generation that the operator last acted upon.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions are the observed aspects; see the Condition... constants.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []Condition `json:"conditions,omitempty"`
}

// DeletionPolicy says what happens to data and credentials when the object is deleted.
// +kubebuilder:validation:Enum=Halt;Delete;WipeOut;DoNotTerminate
type DeletionPolicy string

const (
	// DeletionPolicyHalt keeps volumes and Secrets; an object of the same name takes them up again.
	DeletionPolicyHalt DeletionPolicy = "Halt"
	// DeletionPolicyDelete removes the volumes and keeps the Secrets. It is the default of the webhook.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyWipeOut removes volumes and Secrets.
	DeletionPolicyWipeOut DeletionPolicy = "WipeOut"
	// DeletionPolicyDoNotTerminate makes the webhook refuse the deletion.
	DeletionPolicyDoNotTerminate DeletionPolicy = "DoNotTerminate"
)

// StorageType says what kind of volume holds the data.
// +kubebuilder:validation:Enum=Durable;Ephemeral
type StorageType string

const (
	// StorageTypeDurable is a PersistentVolumeClaim.
	StorageTypeDurable StorageType = "Durable"
	// StorageTypeEphemeral is an emptyDir that goes with its pod.
	StorageTypeEphemeral StorageType = "Ephemeral"
)

// SSLMode is libpq's sslmode, both as what clients are told to use and as what the server demands.
// +kubebuilder:validation:Enum=disable;allow;prefer;require;verify-ca;verify-full
type SSLMode string

const (
	// SSLModeDisable: no TLS.
	SSLModeDisable SSLMode = "disable"
	// SSLModeAllow: TLS only if the server insists.
	SSLModeAllow SSLMode = "allow"
	// SSLModePrefer: TLS if the server offers it.
	SSLModePrefer SSLMode = "prefer"
	// SSLModeRequire: TLS without checking the certificate.
	SSLModeRequire SSLMode = "require"
	// SSLModeVerifyCA: TLS with a certificate of a known authority.
	SSLModeVerifyCA SSLMode = "verify-ca"
	// SSLModeVerifyFull: as verify-ca, and the certificate names the host.
	SSLModeVerifyFull SSLMode = "verify-full"
)

// ClientAuthMode is how clients prove who they are.
// +kubebuilder:validation:Enum=md5;scram;cert
type ClientAuthMode string

const (
	// ClientAuthModeMD5 is the md5 method of pg_hba.conf.
	ClientAuthModeMD5 ClientAuthMode = "md5"
	// ClientAuthModeScram is scram-sha-256.
	ClientAuthModeScram ClientAuthMode = "scram"
	// ClientAuthModeCert is a client certificate whose common name is the user.
	ClientAuthModeCert ClientAuthMode = "cert"
)

// ConfigurationSpec is the user's configuration; later sources win: the Secret, then the inline text.
type ConfigurationSpec struct {
	// SecretName is a Secret in the object's namespace with one key per configuration file.
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// Inline maps the name of a configuration file to its text.
	// +optional
	Inline map[string]string `json:"inline,omitempty"`
}

// HealthCheckSpec tunes the operator's periodic check.
type HealthCheckSpec struct {
	// PeriodSeconds is the time between two checks.
	// +optional
	// +kubebuilder:default=10
	PeriodSeconds *int32 `json:"periodSeconds,omitempty"`

	// TimeoutSeconds bounds one check.
	// +optional
	// +kubebuilder:default=10
	TimeoutSeconds *int32 `json:"timeoutSeconds,omitempty"`

	// FailureThreshold is how many checks in a row must fail before the object counts as failing.
	// +optional
	// +kubebuilder:default=1
	FailureThreshold *int32 `json:"failureThreshold,omitempty"`

	// DisableWriteCheck leaves out the part of the check that writes a row.
	// +optional
	DisableWriteCheck bool `json:"disableWriteCheck,omitempty"`
}

// AutoOps controls operations that are proposed without being asked for.
type AutoOps struct {
	// Disabled switches recommendations off for this object.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
}
