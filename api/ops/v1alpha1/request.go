package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// OpsRequestType is what an operation does. Each kind of request takes its own subset.
type OpsRequestType string

const (
	// OpsUpdateVersion moves to another version.
	OpsUpdateVersion OpsRequestType = "UpdateVersion"
	// OpsHorizontalScaling changes the number of members.
	OpsHorizontalScaling OpsRequestType = "HorizontalScaling"
	// OpsVerticalScaling changes the resources of the members.
	OpsVerticalScaling OpsRequestType = "VerticalScaling"
	// OpsVolumeExpansion enlarges the volumes.
	OpsVolumeExpansion OpsRequestType = "VolumeExpansion"
	// OpsRestart restarts every member.
	OpsRestart OpsRequestType = "Restart"
	// OpsReconfigure changes the configuration.
	OpsReconfigure OpsRequestType = "Reconfigure"
	// OpsReconfigureTLS adds, changes, rotates or removes certificates.
	OpsReconfigureTLS OpsRequestType = "ReconfigureTLS"
	// OpsRotateAuth changes the administrator's password.
	OpsRotateAuth OpsRequestType = "RotateAuth"
	// OpsReconnectStandby brings broken standbys back.
	OpsReconnectStandby OpsRequestType = "ReconnectStandby"
	// OpsForceFailOver promotes a standby although it lags.
	OpsForceFailOver OpsRequestType = "ForceFailOver"
	// OpsSetRaftKeyPair stores keys in the coordinator's store.
	OpsSetRaftKeyPair OpsRequestType = "SetRaftKeyPair"
	// OpsStorageMigration moves the volumes to another storage class.
	OpsStorageMigration OpsRequestType = "StorageMigration"
)

// ApplyOption says in which state of the database a request may start.
// +kubebuilder:validation:Enum=IfReady;Always
type ApplyOption string

const (
	// ApplyIfReady waits for the phase Ready.
	ApplyIfReady ApplyOption = "IfReady"
	// ApplyAlways starts in any phase, for instance to enlarge a full disk.
	ApplyAlways ApplyOption = "Always"
)

// RequestBase is the part of the spec that every request has.
type RequestBase struct {
	// DatabaseRef is the database or pooler, in the request's namespace.
	// +required
	DatabaseRef corev1.LocalObjectReference `json:"databaseRef,omitzero"`

	// UpdateVersion is the section of the type UpdateVersion.
	// +optional
	UpdateVersion *UpdateVersionSpec `json:"updateVersion,omitempty"`

	// Authentication is the section of the type RotateAuth.
	// +optional
	Authentication *AuthenticationSpec `json:"authentication,omitempty"`

	// Restart is the section of the type Restart.
	// +optional
	Restart *RestartSpec `json:"restart,omitempty"`

	// Timeout bounds each step, not the whole request.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// Apply says in which state of the database the request may start.
	// +optional
	// +kubebuilder:default=IfReady
	Apply ApplyOption `json:"apply,omitempty"`

	// MaxRetries is how often the operation is attempted, all told. An attempt that runs out of time is undone before the
	// next one begins; other failures are final.
	// +optional
	// +kubebuilder:default=1
	MaxRetries *int32 `json:"maxRetries,omitempty"`

	// DryRun works out the plan, writes it to the status and changes nothing.
	// +optional
	DryRun bool `json:"dryRun,omitempty"`
}

// OpsRequestPhase sums up the conditions of a request in one word.
// +kubebuilder:validation:Enum=Pending;Progressing;Successful;WaitingForApproval;Failed;Approved;Denied;Skipped
type OpsRequestPhase string

const (
	// OpsRequestPhasePending: waits for its turn, for the database to be ready, or for a sibling.
	OpsRequestPhasePending OpsRequestPhase = "Pending"
	// OpsRequestPhaseProgressing: under way; at most one per database.
	OpsRequestPhaseProgressing OpsRequestPhase = "Progressing"
	// OpsRequestPhaseSuccessful: done.
	OpsRequestPhaseSuccessful OpsRequestPhase = "Successful"
	// OpsRequestPhaseFailed: given up; the condition Failed says why.
	OpsRequestPhaseFailed OpsRequestPhase = "Failed"
	// OpsRequestPhaseSkipped: a newer request of the same type took its place, or it was merged into one.
	OpsRequestPhaseSkipped OpsRequestPhase = "Skipped"
	// OpsRequestPhaseWaitingForApproval belongs to an older approval flow.
	OpsRequestPhaseWaitingForApproval OpsRequestPhase = "WaitingForApproval"
	// OpsRequestPhaseApproved belongs to an older approval flow.
	OpsRequestPhaseApproved OpsRequestPhase = "Approved"
	// OpsRequestPhaseDenied belongs to an older approval flow.
	OpsRequestPhaseDenied OpsRequestPhase = "Denied"
)

// Finished says whether a request in this phase will never change again.
func (p OpsRequestPhase) Finished() bool {
	switch p {
	case OpsRequestPhaseSuccessful, OpsRequestPhaseFailed, OpsRequestPhaseSkipped, OpsRequestPhaseDenied:
		return true
	default:
		return false
	}
}

// OpsRequestStatus is what was observed of a request; the same for all kinds.
type OpsRequestStatus struct {
	// Phase sums up the conditions.
	// +optional
	Phase OpsRequestPhase `json:"phase,omitempty"`

	// ObservedGeneration is the metadata.generation that the operator last acted upon.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions are the steps and the outcome; see the constants in conditions.go.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []sharedv1.Condition `json:"conditions,omitempty"`

	// PausedBackups are backups that were paused for the request and have to be resumed.
	// +optional
	PausedBackups []PausedBackup `json:"pausedBackups,omitempty"`

	// Plan is what the request is going to do, member by member.
	// +optional
	Plan *Plan `json:"plan,omitempty"`

	// Journal is what the operator must remember between two steps.
	// +optional
	Journal *Journal `json:"journal,omitempty"`

	// Disruption is what clients felt of it.
	// +optional
	Disruption *Disruption `json:"disruption,omitempty"`
}

// PausedBackup names a backup that was paused.
type PausedBackup struct {
	// APIGroup of the object.
	// +optional
	APIGroup string `json:"apiGroup,omitempty"`

	// Kind of the object.
	// +optional
	Kind string `json:"kind,omitempty"`

	// Name of the object.
	// +required
	Name string `json:"name,omitempty"`

	// Namespace of the object.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}
