package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

const (
	// KindPgBouncer is the kind of a PgBouncer.
	KindPgBouncer = "PgBouncer"
	// ResourcePgBouncer is its resource name.
	ResourcePgBouncer = "pgbouncers"
)

// PgBouncer is a connection pooler in front of one database of a Postgres.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=pgbouncers,singular=pgbouncer,shortName=pb,categories={datastore,kubedb,appscode,all}
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".spec.version"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",message="metadata.name must be a lower case DNS label that starts with a letter, of at most 63 characters"
type PgBouncer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what is wanted.
	// +optional
	Spec PgBouncerSpec `json:"spec,omitzero"`

	// Status is what was observed.
	// +optional
	Status PgBouncerStatus `json:"status,omitzero"`
}

// PgBouncerList is a list of PgBouncer objects.
//
// +kubebuilder:object:root=true
type PgBouncerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PgBouncer `json:"items"`
}

// PgBouncerSpec is what is wanted of a PgBouncer.
type PgBouncerSpec struct {
	// AutoOps controls operations that are proposed without being asked for.
	// +optional
	AutoOps *sharedv1.AutoOps `json:"autoOps,omitempty"`

	// Version is the name of a PgBouncerVersion.
	// +required
	Version string `json:"version,omitempty"`

	// Replicas is the number of pods; 1 when absent.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Database is what is pooled.
	// +required
	Database PgBouncerDatabase `json:"database,omitzero"`

	// ConnectionPool tunes the pools.
	// +optional
	ConnectionPool *ConnectionPool `json:"connectionPool,omitempty"`

	// AuthSecret holds the name and password of the admin console's user; <name>-auth when absent.
	// +optional
	AuthSecret *sharedv1.AuthSecret `json:"authSecret,omitempty"`

	// ConfigSecret is the old form of configuration.secretName.
	// +optional
	ConfigSecret *corev1.LocalObjectReference `json:"configSecret,omitempty"`

	// Configuration is the user's part of pgbouncer.ini, under the key of that name.
	// +optional
	Configuration *PgBouncerConfiguration `json:"configuration,omitempty"`

	// SSLMode that clients use; verify-full with TLS and disable without when absent.
	// +optional
	SSLMode sharedv1.SSLMode `json:"sslMode,omitempty"`

	// TLS turns TLS on.
	// +optional
	TLS *sharedv1.TLSConfig `json:"tls,omitempty"`

	// Init are scripts to put into the pods.
	// +optional
	Init *sharedv1.InitSpec `json:"init,omitempty"`

	// PodTemplate is laid over the pods.
	// +optional
	PodTemplate *sharedv1.PodTemplateSpec `json:"podTemplate,omitempty"`

	// ServiceTemplates are laid over the Services.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.all(t, t.alias in ['primary', 'standby', 'stats'])",message="alias must be primary, standby or stats"
	ServiceTemplates []sharedv1.NamedServiceTemplateSpec `json:"serviceTemplates,omitempty"`

	// Monitor adds a metrics exporter.
	// +optional
	Monitor *sharedv1.MonitoringSpec `json:"monitor,omitempty"`

	// HealthChecker tunes the operator's periodic check.
	// +optional
	// +kubebuilder:default={periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 1}
	HealthChecker sharedv1.HealthCheckSpec `json:"healthChecker,omitzero"`

	// Halted stops everything and keeps the credentials.
	// +optional
	Halted bool `json:"halted,omitempty"`

	// DeletionPolicy says what goes when the object is deleted; Delete when absent.
	// +optional
	DeletionPolicy sharedv1.DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// PgBouncerConfiguration is the user's configuration of a PgBouncer.
type PgBouncerConfiguration struct {
	sharedv1.ConfigurationSpec `json:",inline"`
}

// PgBouncerDatabase is what a PgBouncer pools.
type PgBouncerDatabase struct {
	// SyncUsers takes in the users of labelled Secrets.
	// +optional
	SyncUsers bool `json:"syncUsers,omitempty"`

	// DatabaseRef is the AppBinding of the server.
	// +required
	DatabaseRef appcatalogv1alpha1.AppReference `json:"databaseRef,omitzero"`

	// DatabaseName is the database in that server.
	// +required
	DatabaseName string `json:"databaseName,omitempty"`
}

// Values of connectionPool.poolMode.
const (
	// PoolModeSession gives a server back when the client disconnects.
	PoolModeSession = "session"
	// PoolModeTransaction gives a server back when the transaction ends.
	PoolModeTransaction = "transaction"
	// PoolModeStatement gives a server back after each statement.
	PoolModeStatement = "statement"
)

// PgBouncerAuthType is how clients of a PgBouncer log in.
// +kubebuilder:validation:Enum=md5;scram-sha-256
type PgBouncerAuthType string

const (
	// PgBouncerAuthTypeMD5 accepts md5, and SCRAM where the user's entry is a SCRAM verifier.
	PgBouncerAuthTypeMD5 PgBouncerAuthType = "md5"
	// PgBouncerAuthTypeScram accepts SCRAM only.
	PgBouncerAuthTypeScram PgBouncerAuthType = "scram-sha-256"
)

// ConnectionPool tunes the pools. Each field is the setting of pgbouncer.ini that it is named after.
type ConnectionPool struct {
	// Port is listen_port; 5432 when absent.
	// +optional
	Port *int32 `json:"port,omitempty"`

	// PoolMode is pool_mode; session when absent.
	// +optional
	PoolMode string `json:"poolMode,omitempty"`

	// MaxClientConnections is max_client_conn.
	// +optional
	MaxClientConnections *int64 `json:"maxClientConnections,omitempty"`

	// DefaultPoolSize is default_pool_size.
	// +optional
	DefaultPoolSize *int64 `json:"defaultPoolSize,omitempty"`

	// MinPoolSize is min_pool_size.
	// +optional
	MinPoolSize *int64 `json:"minPoolSize,omitempty"`

	// ReservePoolSize is reserve_pool_size.
	// +optional
	ReservePoolSize *int64 `json:"reservePoolSize,omitempty"`

	// ReservePoolTimeoutSeconds is reserve_pool_timeout.
	// +optional
	ReservePoolTimeoutSeconds *int64 `json:"reservePoolTimeoutSeconds,omitempty"`

	// MaxDBConnections is max_db_connections; 0 is without limit.
	// +optional
	MaxDBConnections *int64 `json:"maxDBConnections,omitempty"`

	// MaxUserConnections is max_user_connections; 0 is without limit.
	// +optional
	MaxUserConnections *int64 `json:"maxUserConnections,omitempty"`

	// StatsPeriodSeconds is stats_period.
	// +optional
	StatsPeriodSeconds *int64 `json:"statsPeriodSeconds,omitempty"`

	// AuthType is auth_type.
	// +optional
	AuthType PgBouncerAuthType `json:"authType,omitempty"`

	// IgnoreStartupParameters is ignore_startup_parameters, a comma separated list.
	// +optional
	IgnoreStartupParameters string `json:"ignoreStartupParameters,omitempty"`
}

// PgBouncerStatus is what was observed of a PgBouncer.
type PgBouncerStatus struct {
	sharedv1.DatabaseStatus `json:",inline"`
}

// DatabaseStatus is the part of the status that every kind has.
func (p *PgBouncer) DatabaseStatus() *sharedv1.DatabaseStatus { return &p.Status.DatabaseStatus }
