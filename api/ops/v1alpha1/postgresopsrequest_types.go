package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

const (
	// KindPostgresOpsRequest is the kind of a PostgresOpsRequest.
	KindPostgresOpsRequest = "PostgresOpsRequest"
	// ResourcePostgresOpsRequest is its resource name.
	ResourcePostgresOpsRequest = "postgresopsrequests"
)

// PostgresOpsRequest is one operation on a running Postgres.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=postgresopsrequests,singular=postgresopsrequest,shortName=pgops,categories={ops,kubedb,appscode}
// +kubebuilder:printcolumn:name="Type",type="string",JSONPath=".spec.type"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type PostgresOpsRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what is to be done; it cannot be changed.
	// +optional
	Spec PostgresOpsRequestSpec `json:"spec,omitzero"`

	// Status is how far it is.
	// +optional
	Status OpsRequestStatus `json:"status,omitzero"`
}

// PostgresOpsRequestList is a list of PostgresOpsRequest objects.
//
// +kubebuilder:object:root=true
type PostgresOpsRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PostgresOpsRequest `json:"items"`
}

// PostgresOpsRequestSpec is what is to be done to a Postgres.
type PostgresOpsRequestSpec struct {
	RequestBase `json:",inline"`

	// Type of the operation; the section of that name applies.
	// +required
	// +kubebuilder:validation:Enum=UpdateVersion;HorizontalScaling;VerticalScaling;VolumeExpansion;Restart;Reconfigure;ReconfigureTLS;RotateAuth;ReconnectStandby;ForceFailOver;SetRaftKeyPair;StorageMigration
	Type OpsRequestType `json:"type,omitempty"`

	// HorizontalScaling is the section of the type HorizontalScaling.
	// +optional
	HorizontalScaling *PostgresHorizontalScalingSpec `json:"horizontalScaling,omitempty"`

	// VerticalScaling is the section of the type VerticalScaling.
	// +optional
	VerticalScaling *PostgresVerticalScalingSpec `json:"verticalScaling,omitempty"`

	// VolumeExpansion is the section of the type VolumeExpansion.
	// +optional
	VolumeExpansion *PostgresVolumeExpansionSpec `json:"volumeExpansion,omitempty"`

	// Configuration is the section of the type Reconfigure.
	// +optional
	Configuration *PostgresReconfigurationSpec `json:"configuration,omitempty"`

	// TLS is the section of the type ReconfigureTLS.
	// +optional
	TLS *PostgresTLSSpec `json:"tls,omitempty"`

	// ReconnectStandby is the section of the type ReconnectStandby.
	// +optional
	ReconnectStandby *ReconnectStandbySpec `json:"reconnectStandby,omitempty"`

	// ForceFailOver is the section of the type ForceFailOver.
	// +optional
	ForceFailOver *ForceFailOverSpec `json:"forceFailOver,omitempty"`

	// SetRaftKeyPair is the section of the type SetRaftKeyPair.
	// +optional
	SetRaftKeyPair *SetRaftKeyPairSpec `json:"setRaftKeyPair,omitempty"`

	// Migration is the section of the type StorageMigration.
	// +optional
	Migration *StorageMigrationSpec `json:"migration,omitempty"`
}

// PostgresHorizontalScalingSpec changes the number of members or of read replicas, one of the two at a time.
type PostgresHorizontalScalingSpec struct {
	// Replicas is the new number of members.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// StandbyMode of the cluster from now on.
	// +optional
	// +kubebuilder:default=Hot
	StandbyMode kubedbv1.StandbyMode `json:"standbyMode,omitempty"`

	// StreamingMode of the cluster from now on.
	// +optional
	// +kubebuilder:default=Asynchronous
	StreamingMode kubedbv1.StreamingMode `json:"streamingMode,omitempty"`

	// ReadReplicas are groups to add, change or remove.
	// +optional
	ReadReplicas []ReadReplicaScaling `json:"readReplicas,omitempty"`
}

// ReadReplicaScaling adds, changes or removes a group of read replicas.
type ReadReplicaScaling struct {
	kubedbv1.ReadReplica `json:",inline"`

	// Remove the group.
	// +optional
	Remove bool `json:"remove,omitempty"`
}

// PostgresVerticalScalingSpec changes the resources of the members.
type PostgresVerticalScalingSpec struct {
	// Postgres is the server's container.
	// +optional
	Postgres *PodResources `json:"postgres,omitempty"`

	// Exporter is the metrics exporter's container.
	// +optional
	Exporter *ContainerResources `json:"exporter,omitempty"`

	// Coordinator is a sidecar that does not exist here; accepted for compatibility.
	// +optional
	Coordinator *ContainerResources `json:"coordinator,omitempty"`

	// Arbiter is the member that only votes.
	// +optional
	Arbiter *PodResources `json:"arbiter,omitempty"`

	// ReadReplicas are groups of read replicas.
	// +optional
	ReadReplicas []ReadReplicaResources `json:"readReplicas,omitempty"`

	// Mode says how resources are changed.
	// +optional
	// +kubebuilder:default=Restart
	Mode VerticalScalingMode `json:"mode,omitempty"`
}

// ReadReplicaResources are new resources of a group of read replicas.
type ReadReplicaResources struct {
	// Name of the group.
	// +optional
	Name string `json:"name,omitempty"`

	// Postgres is the server's container.
	// +optional
	Postgres *PodResources `json:"postgres,omitempty"`
}

// VolumeExpansionMode says whether pods keep running while their volumes grow.
// +kubebuilder:validation:Enum=Offline;Online
type VolumeExpansionMode string

const (
	// VolumeExpansionModeOffline stops a pod first.
	VolumeExpansionModeOffline VolumeExpansionMode = "Offline"
	// VolumeExpansionModeOnline keeps pods running.
	VolumeExpansionModeOnline VolumeExpansionMode = "Online"
)

// PostgresVolumeExpansionSpec enlarges volumes.
type PostgresVolumeExpansionSpec struct {
	// Mode says whether pods keep running.
	// +required
	Mode VolumeExpansionMode `json:"mode,omitempty"`

	// Postgres is the new size of the data volumes.
	// +optional
	Postgres *resource.Quantity `json:"postgres,omitempty"`

	// Arbiter is the new size of the arbiter's volume.
	// +optional
	Arbiter *resource.Quantity `json:"arbiter,omitempty"`
}

// PostgresReconfigurationSpec changes the configuration of a Postgres; applyConfig has the key user.conf.
type PostgresReconfigurationSpec struct {
	ReconfigurationSpec `json:",inline"`

	// Tuning replaces the present tuning.
	// +optional
	Tuning *kubedbv1.Tuning `json:"tuning,omitempty"`
}

// PostgresTLSSpec changes the certificates of a Postgres.
type PostgresTLSSpec struct {
	TLSSpec `json:",inline"`

	// ClientAuthMode is how clients log in from now on.
	// +optional
	ClientAuthMode sharedv1.ClientAuthMode `json:"clientAuthMode,omitempty"`

	// RotateGRPCCertificates has the certificates between the members issued anew.
	// +optional
	RotateGRPCCertificates bool `json:"rotateGrpcCertificates,omitempty"`
}

// ReconnectStandbySpec brings broken standbys back, by a restart or else by a base backup.
type ReconnectStandbySpec struct {
	// ReadyTimeOut is how long the restart gets before the base backup.
	// +optional
	ReadyTimeOut *metav1.Duration `json:"readyTimeOut,omitempty"`
}

// ForceFailOverSpec promotes a standby although it lags.
type ForceFailOverSpec struct {
	// Candidates are pods in the order of preference.
	// +optional
	Candidates []string `json:"candidates,omitempty"`
}

// SetRaftKeyPairSpec stores keys in the coordinator's store.
type SetRaftKeyPairSpec struct {
	// KeyPair are the keys and their values.
	// +optional
	KeyPair map[string]string `json:"keyPair,omitempty"`
}

// StorageMigrationSpec moves the volumes to another storage class.
type StorageMigrationSpec struct {
	// StorageClassName is the new class.
	// +required
	StorageClassName *string `json:"storageClassName,omitempty"`

	// OldPVReclaimPolicy is given to the old volumes.
	// +optional
	OldPVReclaimPolicy corev1.PersistentVolumeReclaimPolicy `json:"oldPVReclaimPolicy,omitempty"`
}
