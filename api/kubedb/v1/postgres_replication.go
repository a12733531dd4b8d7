package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// StandbyMode says whether standbys answer queries.
// +kubebuilder:validation:Enum=Hot;Warm
type StandbyMode string

const (
	// StandbyModeHot standbys answer read-only queries.
	StandbyModeHot StandbyMode = "Hot"
	// StandbyModeWarm standbys only follow.
	StandbyModeWarm StandbyMode = "Warm"
)

// StreamingMode says whether a commit waits for a standby.
// +kubebuilder:validation:Enum=Synchronous;Asynchronous
type StreamingMode string

const (
	// StreamingModeSynchronous commits wait for a standby.
	StreamingModeSynchronous StreamingMode = "Synchronous"
	// StreamingModeAsynchronous commits wait for nobody.
	StreamingModeAsynchronous StreamingMode = "Asynchronous"
)

// PostgresMode is the shape of the cluster.
type PostgresMode string

const (
	// PostgresModeStandalone is one member.
	PostgresModeStandalone PostgresMode = "Standalone"
	// PostgresModeCluster is a primary with standbys.
	PostgresModeCluster PostgresMode = "Cluster"
	// PostgresModeRemoteReplica follows a server elsewhere.
	PostgresModeRemoteReplica PostgresMode = "RemoteReplica"
)

// SynchronousMode is the method of synchronous_standby_names.
// +kubebuilder:validation:Enum=Any;First
type SynchronousMode string

const (
	// SynchronousModeAny waits for any of the named standbys.
	SynchronousModeAny SynchronousMode = "Any"
	// SynchronousModeFirst waits for the first ones that are connected.
	SynchronousModeFirst SynchronousMode = "First"
)

// CommitLevel is the value of synchronous_commit. On and Off must be quoted in YAML.
// +kubebuilder:validation:Enum=On;RemoteApply;RemoteWrite;Local;Off
type CommitLevel string

const (
	// CommitLevelOn waits until standbys flushed.
	CommitLevelOn CommitLevel = "On"
	// CommitLevelRemoteApply waits until standbys applied.
	CommitLevelRemoteApply CommitLevel = "RemoteApply"
	// CommitLevelRemoteWrite waits until standbys received.
	CommitLevelRemoteWrite CommitLevel = "RemoteWrite"
	// CommitLevelLocal waits for the primary's own disk only.
	CommitLevelLocal CommitLevel = "Local"
	// CommitLevelOff waits for nothing.
	CommitLevelOff CommitLevel = "Off"
)

// SynchronousReplication tunes synchronous streaming.
type SynchronousReplication struct {
	// Mode is the method; Any when absent.
	// +optional
	Mode SynchronousMode `json:"mode,omitempty"`

	// NumSyncReplicas is how many standbys a commit waits for; 1 when absent.
	// +optional
	NumSyncReplicas *int32 `json:"numSyncReplicas,omitempty"`

	// CommitLevel is what a standby must have done; RemoteWrite when absent.
	// +optional
	CommitLevel CommitLevel `json:"commitLevel,omitempty"`

	// StandbyNames are the application names of the standbys that count; all members when absent.
	// +optional
	// +listType=atomic
	StandbyNames []string `json:"standbyNames,omitempty"`

	// UseWildcard counts any standby; not together with standbyNames.
	// +optional
	UseWildcard bool `json:"useWildcard,omitempty"`
}

// RemoteReplica makes a Postgres the standby of a server elsewhere.
type RemoteReplica struct {
	// SourceRef is the AppBinding of that server.
	// +required
	SourceRef corev1.ObjectReference `json:"sourceRef,omitzero"`
}

// LeaderElection tunes failover. The defaults hold when the section is given in part.
type LeaderElection struct {
	// LeaseDurationSeconds is accepted and ignored.
	// +optional
	LeaseDurationSeconds int32 `json:"leaseDurationSeconds,omitempty"`

	// RenewDeadlineSeconds is accepted and ignored.
	// +optional
	RenewDeadlineSeconds int32 `json:"renewDeadlineSeconds,omitempty"`

	// RetryPeriodSeconds is accepted and ignored.
	// +optional
	RetryPeriodSeconds int32 `json:"retryPeriodSeconds,omitempty"`

	// MaximumLagBeforeFailover is how many bytes of WAL a standby may lack and still become primary.
	// +optional
	// +kubebuilder:default=33554432
	MaximumLagBeforeFailover *int64 `json:"maximumLagBeforeFailover,omitempty"`

	// Period is the length of one tick.
	// +optional
	// +kubebuilder:default="100ms"
	Period *metav1.Duration `json:"period,omitempty"`

	// ElectionTick is after how many ticks without a sign of life the leader is given up.
	// +optional
	// +kubebuilder:default=10
	ElectionTick int32 `json:"electionTick,omitempty"`

	// HeartbeatTick is the number of ticks between two signs of life; less than electionTick.
	// +optional
	// +kubebuilder:default=1
	HeartbeatTick int32 `json:"heartbeatTick,omitempty"`

	// TransferLeadershipInterval is the time between two attempts to hand over.
	// +optional
	// +kubebuilder:default="1s"
	TransferLeadershipInterval *metav1.Duration `json:"transferLeadershipInterval,omitempty"`

	// TransferLeadershipTimeout is when handing over is given up.
	// +optional
	// +kubebuilder:default="60s"
	TransferLeadershipTimeout *metav1.Duration `json:"transferLeadershipTimeout,omitempty"`
}

// WALLimitPolicy is how WAL is kept for standbys.
type WALLimitPolicy string

const (
	// WALLimitPolicyKeepSize uses wal_keep_size (PostgreSQL 13 and later).
	WALLimitPolicyKeepSize WALLimitPolicy = "WALKeepSize"
	// WALLimitPolicyKeepSegment uses wal_keep_segments (PostgreSQL 12 and earlier).
	WALLimitPolicyKeepSegment WALLimitPolicy = "WALKeepSegment"
	// WALLimitPolicyReplicationSlot uses one replication slot per standby.
	WALLimitPolicyReplicationSlot WALLimitPolicy = "ReplicationSlot"
)

// Replication tunes how much WAL is kept for standbys.
type Replication struct {
	// WALLimitPolicy is how WAL is kept.
	// +required
	WALLimitPolicy WALLimitPolicy `json:"walLimitPolicy,omitempty"`

	// WALKeepSize in megabytes; 1536 when absent.
	// +optional
	WALKeepSize *int32 `json:"walKeepSize,omitempty"`

	// WALKeepSegment in segments; 96 when absent.
	// +optional
	WALKeepSegment *int32 `json:"walKeepSegment,omitempty"`

	// MaxSlotWALKeepSize in megabytes; -1, without limit, when absent.
	// +optional
	MaxSlotWALKeepSize *int32 `json:"maxSlotWALKeepSize,omitempty"`

	// ForceFailoverAcceptingDataLossAfter is how long to wait for a standby that has everything before one that lags
	// is promoted; never when absent.
	// +optional
	ForceFailoverAcceptingDataLossAfter *metav1.Duration `json:"forceFailoverAcceptingDataLossAfter,omitempty"`
}

// Arbiter is a member without data that only votes.
type Arbiter struct {
	// Resources of the arbiter; requests.storage sizes its volume.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`

	// NodeSelector of the arbiter.
	// +optional
	// +mapType=atomic
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Tolerations of the arbiter.
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}

// ReadReplica is a group of asynchronous standbys that never become primary and have a Service of their own.
type ReadReplica struct {
	// Name of the group, unique in the database; not "arbiter".
	// +required
	Name string `json:"name,omitempty"`

	// Replicas is the number of members; 1 when absent.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Resources of each member.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`

	// NodeSelector of the members.
	// +optional
	// +mapType=atomic
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Tolerations of the members.
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// StorageType of the members; the database's when absent.
	// +optional
	StorageType sharedv1.StorageType `json:"storageType,omitempty"`

	// Storage of the members; the database's when absent.
	// +optional
	Storage *corev1.PersistentVolumeClaimSpec `json:"storage,omitempty"`

	// PodPlacementPolicy is the PlacementPolicy that spreads the members.
	// +optional
	// +kubebuilder:default={name:"default"}
	PodPlacementPolicy *corev1.LocalObjectReference `json:"podPlacementPolicy,omitempty"`

	// ServiceTemplate is laid over the Service of the group.
	// +optional
	ServiceTemplate *sharedv1.ServiceTemplateSpec `json:"serviceTemplate,omitempty"`
}
