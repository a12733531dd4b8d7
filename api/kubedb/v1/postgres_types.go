package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

const (
	// KindPostgres is the kind of a Postgres.
	KindPostgres = "Postgres"
	// ResourcePostgres is its resource name.
	ResourcePostgres = "postgreses"
)

// Postgres is a PostgreSQL server, alone or with streaming replicas.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=postgreses,singular=postgres,shortName=pg,categories={datastore,kubedb,appscode,all}
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".spec.version"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",message="metadata.name must be a lower case DNS label that starts with a letter, of at most 63 characters"
type Postgres struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what is wanted.
	// +optional
	Spec PostgresSpec `json:"spec,omitzero"`

	// Status is what was observed.
	// +optional
	Status PostgresStatus `json:"status,omitzero"`
}

// PostgresList is a list of Postgres objects.
//
// +kubebuilder:object:root=true
type PostgresList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Postgres `json:"items"`
}

// PostgresSpec is what is wanted of a Postgres.
type PostgresSpec struct {
	// AutoOps controls operations that are proposed without being asked for.
	// +optional
	AutoOps *sharedv1.AutoOps `json:"autoOps,omitempty"`

	// Version is the name of a PostgresVersion.
	// +required
	Version string `json:"version,omitempty"`

	// Replicas is the number of members that hold data, the primary included; 1 when absent.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// StandbyMode says whether standbys answer queries; Hot when absent.
	// +optional
	StandbyMode StandbyMode `json:"standbyMode,omitempty"`

	// StreamingMode says whether a commit waits for a standby; Asynchronous when absent.
	// +optional
	StreamingMode StreamingMode `json:"streamingMode,omitempty"`

	// SynchronousReplicationConfig tunes the streaming mode Synchronous.
	// +optional
	SynchronousReplicationConfig *SynchronousReplication `json:"synchronousReplicationConfig,omitempty"`

	// Mode of the cluster; derived from replicas and remoteReplica when absent.
	// +optional
	Mode PostgresMode `json:"mode,omitempty"`

	// RemoteReplica makes this a standby of a server elsewhere.
	// +optional
	RemoteReplica *RemoteReplica `json:"remoteReplica,omitempty"`

	// LeaderElection tunes failover.
	// +optional
	LeaderElection *LeaderElection `json:"leaderElection,omitempty"`

	// StorageType of the data volume; Durable when absent. It cannot be changed.
	// +optional
	StorageType sharedv1.StorageType `json:"storageType,omitempty"`

	// Storage is the claim for the data volume; required with storage type Durable.
	// +optional
	Storage *corev1.PersistentVolumeClaimSpec `json:"storage,omitempty"`

	// AuthSecret holds the superuser's name and password; <name>-auth when absent.
	// +optional
	AuthSecret *sharedv1.AuthSecret `json:"authSecret,omitempty"`

	// ClientAuthMode is how clients log in; scram from PostgreSQL 18 on and md5 before when absent.
	// +optional
	ClientAuthMode sharedv1.ClientAuthMode `json:"clientAuthMode,omitempty"`

	// SSLMode that clients use; verify-full with TLS and disable without when absent.
	// +optional
	SSLMode sharedv1.SSLMode `json:"sslMode,omitempty"`

	// TLS turns TLS on.
	// +optional
	TLS *sharedv1.TLSConfig `json:"tls,omitempty"`

	// ConfigSecret is the old form of configuration.secretName.
	// +optional
	ConfigSecret *corev1.LocalObjectReference `json:"configSecret,omitempty"`

	// Configuration is the user's part of postgresql.conf, under the key user.conf, and its tuning.
	// +optional
	Configuration *PostgresConfiguration `json:"configuration,omitempty"`

	// Init says what the database starts from.
	// +optional
	Init *sharedv1.InitSpec `json:"init,omitempty"`

	// Archiver keeps the WAL for a recovery to a point in time.
	// +optional
	Archiver *sharedv1.Archiver `json:"archiver,omitempty"`

	// Arbiter is a member without data that only votes.
	// +optional
	Arbiter *Arbiter `json:"arbiter,omitempty"`

	// Replication tunes how much WAL is kept for standbys.
	// +optional
	Replication *Replication `json:"replication,omitempty"`

	// ReadReplicas are groups of members that never become primary.
	// +optional
	ReadReplicas []ReadReplica `json:"readReplicas,omitempty"`

	// Distributed spreads the members over several clusters.
	// +optional
	Distributed bool `json:"distributed,omitempty"`

	// EnforceFsGroup corrects the ownership of the volume for drivers that ignore fsGroup.
	// +optional
	EnforceFsGroup bool `json:"enforceFsGroup,omitempty"`

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

	// AllowedSchemas says whose schemas the database takes.
	// +optional
	// +kubebuilder:default={namespaces:{from: Same}}
	AllowedSchemas *sharedv1.AllowedConsumers `json:"allowedSchemas,omitempty"`

	// Halted stops everything and keeps data and credentials.
	// +optional
	Halted bool `json:"halted,omitempty"`

	// DeletionPolicy says what goes when the object is deleted; Delete when absent.
	// +optional
	DeletionPolicy sharedv1.DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// PostgresStatus is what was observed of a Postgres.
type PostgresStatus struct {
	sharedv1.DatabaseStatus `json:",inline"`

	// AuthSecret is what was observed of the credentials.
	// +optional
	AuthSecret *AuthSecretStatus `json:"authSecret,omitempty"`
}

// AuthSecretStatus is what was observed of the credentials.
type AuthSecretStatus struct {
	// LastUpdateTimestamp is when they last changed.
	// +optional
	LastUpdateTimestamp *metav1.Time `json:"lastUpdateTimestamp,omitempty"`
}

// DatabaseStatus is the part of the status that every kind has.
func (p *Postgres) DatabaseStatus() *sharedv1.DatabaseStatus { return &p.Status.DatabaseStatus }
