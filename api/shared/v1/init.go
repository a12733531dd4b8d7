package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// InitSpec says what a new database or pooler starts from.
type InitSpec struct {
	// Initialized is set by the operator once the initialisation is done; from then on this section is fixed.
	// +optional
	Initialized bool `json:"initialized,omitempty"`

	// WaitForInitialRestore holds provisioning back until somebody restored a backup.
	// +optional
	WaitForInitialRestore bool `json:"waitForInitialRestore,omitempty"`

	// Script are scripts to run.
	// +optional
	Script *ScriptSource `json:"script,omitempty"`

	// Archiver restores to a point in time.
	// +optional
	Archiver *ArchiverRecovery `json:"archiver,omitempty"`
}

// ScriptSource is a volume with scripts.
type ScriptSource struct {
	// ScriptPath is the file or folder in the volume to run.
	// +optional
	ScriptPath string `json:"scriptPath,omitempty"`

	// VolumeSource holds the scripts.
	corev1.VolumeSource `json:",inline"`

	// Git clones a repository instead.
	// +optional
	Git *GitSource `json:"git,omitempty"`
}

// GitSource is a repository that an init container clones with git-sync.
type GitSource struct {
	// Args of git-sync.
	// +required
	Args []string `json:"args,omitempty"`

	// Env of git-sync.
	// +optional
	Env []corev1.EnvVar `json:"env,omitempty"`

	// SecurityContext of git-sync.
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`

	// Resources of git-sync.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`

	// AuthSecret holds the credentials for the repository.
	// +optional
	AuthSecret *corev1.LocalObjectReference `json:"authSecret,omitempty"`
}

// Archiver names the archiver that keeps the WAL.
type Archiver struct {
	// Pause stops archiving.
	// +optional
	Pause bool `json:"pause,omitempty"`

	// Ref is the archiver.
	// +required
	Ref ObjectReference `json:"ref,omitzero"`
}

// ArchiverRecovery restores a backup and replays the WAL up to a point in time.
type ArchiverRecovery struct {
	// RecoveryTimestamp is that point.
	// +required
	RecoveryTimestamp metav1.Time `json:"recoveryTimestamp,omitzero"`

	// EncryptionSecret holds the key of the repositories.
	// +optional
	EncryptionSecret *ObjectReference `json:"encryptionSecret,omitempty"`

	// ManifestRepository holds the manifests of the original.
	// +optional
	ManifestRepository *ObjectReference `json:"manifestRepository,omitempty"`

	// FullDBRepository holds the base backups.
	// +optional
	FullDBRepository *ObjectReference `json:"fullDBRepository,omitempty"`

	// ReplicationStrategy says how the other members get the data.
	// +optional
	ReplicationStrategy *ReplicationStrategy `json:"replicationStrategy,omitempty"`

	// ManifestOptions says which manifests are restored too.
	// +optional
	ManifestOptions *ManifestOptions `json:"manifestOptions,omitempty"`
}

// ReplicationStrategy says how the other members get restored data.
// +kubebuilder:validation:Enum=fscopy;clone;sync;none
type ReplicationStrategy string

const (
	// ReplicationStrategyFSCopy copies files between volumes.
	ReplicationStrategyFSCopy ReplicationStrategy = "fscopy"
	// ReplicationStrategyClone clones the volume.
	ReplicationStrategyClone ReplicationStrategy = "clone"
	// ReplicationStrategySync takes a base backup of the restored member.
	ReplicationStrategySync ReplicationStrategy = "sync"
	// ReplicationStrategyNone restores every member by itself.
	ReplicationStrategyNone ReplicationStrategy = "none"
)

// ManifestOptions says which manifests a recovery restores.
type ManifestOptions struct {
	// Archiver restores the archiver section.
	// +optional
	// +kubebuilder:default=false
	Archiver *bool `json:"archiver,omitempty"`

	// ArchiverRef is the archiver for the restored object.
	// +optional
	ArchiverRef *ObjectReference `json:"archiverRef,omitempty"`

	// InitScript restores the init script section.
	// +optional
	// +kubebuilder:default=false
	InitScript *bool `json:"initScript,omitempty"`
}
