package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

const (
	// KindPgpool is the kind of a Pgpool.
	KindPgpool = "Pgpool"
	// ResourcePgpool is its resource name.
	ResourcePgpool = "pgpools"
)

// Pgpool is a connection pooler in front of a Postgres that sends reads to the standbys.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=pgpools,singular=pgpool,shortName=pp,categories={datastore,kubedb,appscode,all}
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".spec.version"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",message="metadata.name must be a lower case DNS label that starts with a letter, of at most 63 characters"
type Pgpool struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what is wanted.
	// +optional
	Spec PgpoolSpec `json:"spec,omitzero"`

	// Status is what was observed.
	// +optional
	Status PgpoolStatus `json:"status,omitzero"`
}

// PgpoolList is a list of Pgpool objects.
//
// +kubebuilder:object:root=true
type PgpoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Pgpool `json:"items"`
}

// PgpoolSpec is what is wanted of a Pgpool.
type PgpoolSpec struct {
	// AutoOps controls operations that are proposed without being asked for.
	// +optional
	AutoOps *sharedv1.AutoOps `json:"autoOps,omitempty"`

	// Version is the name of a PgpoolVersion.
	// +required
	Version string `json:"version,omitempty"`

	// Replicas is the number of pods, 1 to 9; 1 when absent.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// PostgresRef is the AppBinding of the Postgres behind the pool.
	// +required
	PostgresRef sharedv1.ObjectReference `json:"postgresRef,omitzero"`

	// SyncUsers takes in the users of labelled Secrets.
	// +optional
	SyncUsers bool `json:"syncUsers,omitempty"`

	// SSLMode that clients use; verify-full with TLS and disable without when absent.
	// +optional
	SSLMode sharedv1.SSLMode `json:"sslMode,omitempty"`

	// ClientAuthMode is how clients log in.
	// +optional
	// +kubebuilder:default=md5
	ClientAuthMode sharedv1.ClientAuthMode `json:"clientAuthMode,omitempty"`

	// AuthSecret holds the name and password of the PCP user; <name>-auth when absent.
	// +optional
	AuthSecret *sharedv1.AuthSecret `json:"authSecret,omitempty"`

	// TLS turns TLS on.
	// +optional
	TLS *sharedv1.TLSConfig `json:"tls,omitempty"`

	// Configuration is the user's part of pgpool.conf, under the key of that name, and the backends.
	// +optional
	Configuration *PgpoolConfiguration `json:"configuration,omitempty"`

	// Init are scripts to put into the pods.
	// +optional
	Init *sharedv1.InitSpec `json:"init,omitempty"`

	// PodTemplate is laid over the pods.
	// +optional
	PodTemplate *sharedv1.PodTemplateSpec `json:"podTemplate,omitempty"`

	// ServiceTemplates are laid over the Services.
	// +optional
	ServiceTemplates []sharedv1.NamedServiceTemplateSpec `json:"serviceTemplates,omitempty"`

	// Monitor adds a metrics exporter.
	// +optional
	Monitor *sharedv1.MonitoringSpec `json:"monitor,omitempty"`

	// HealthChecker tunes the operator's periodic check.
	// +optional
	// +kubebuilder:default={periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 1}
	HealthChecker sharedv1.HealthCheckSpec `json:"healthChecker,omitzero"`

	// DeletionPolicy says what goes when the object is deleted; Delete when absent.
	// +optional
	DeletionPolicy sharedv1.DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// PgpoolConfiguration is the user's configuration of a Pgpool.
type PgpoolConfiguration struct {
	sharedv1.ConfigurationSpec `json:",inline"`

	// Backends are the targets of load balancing; primary and standbys with weight 1 when absent.
	// +optional
	Backends []Backend `json:"backends,omitempty"`
}

// Names of the backend groups that every Postgres has; a read replica group is a backend group by its own name.
const (
	// BackendGroupPrimary is the primary Service.
	BackendGroupPrimary = "PRIMARY"
	// BackendGroupStandby is the standby Service.
	BackendGroupStandby = "STANDBY"
)

// Backend is one target of load balancing, given by group or by host.
type Backend struct {
	// GroupName is PRIMARY, STANDBY or the name of a read replica group; not together with hostName.
	// +optional
	GroupName string `json:"groupName,omitempty"`

	// HostName of the server; not together with groupName.
	// +optional
	HostName string `json:"hostName,omitempty"`

	// Port of the server; only with hostName.
	// +optional
	Port *int32 `json:"port,omitempty"`

	// Weight is the share of the reads relative to the other backends; 0 gets none. It is always written because 0 is
	// meant.
	// +required
	Weight int32 `json:"weight"`

	// Flag is backend_flag, such as DISALLOW_TO_FAILOVER.
	// +optional
	Flag string `json:"flag,omitempty"`
}

// PgpoolStatus is what was observed of a Pgpool.
type PgpoolStatus struct {
	sharedv1.DatabaseStatus `json:",inline"`
}

// DatabaseStatus is the part of the status that every kind has.
func (p *Pgpool) DatabaseStatus() *sharedv1.DatabaseStatus { return &p.Status.DatabaseStatus }
