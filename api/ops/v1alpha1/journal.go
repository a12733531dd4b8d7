package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// PlannedAction is what a change costs a server or a member.
// +kubebuilder:validation:Enum=None;Reload;Restart;LeavePending
type PlannedAction string

const (
	// ActionNone: nothing happens.
	ActionNone PlannedAction = "None"
	// ActionReload: the running server takes the change; nobody notices.
	ActionReload PlannedAction = "Reload"
	// ActionRestart: the server is drained and restarted.
	ActionRestart PlannedAction = "Restart"
	// ActionLeavePending: the change is written but waits for a restart that the request forbids.
	ActionLeavePending PlannedAction = "LeavePending"
)

// Plan is what an operation is going to do. It is written before the first side effect.
type Plan struct {
	// Summary is the plan in one sentence.
	// +optional
	Summary string `json:"summary,omitempty"`

	// Changes are the parameters whose old and new values differ.
	// +optional
	// +listType=atomic
	Changes []PlannedChange `json:"changes,omitempty"`

	// Members says what happens to each member, in the order in which it happens.
	// +optional
	// +listType=atomic
	Members []PlannedMember `json:"members,omitempty"`

	// Switchovers is how often the primary role moves.
	// +optional
	Switchovers int32 `json:"switchovers,omitempty"`

	// Warnings are what the user should know before agreeing to the plan.
	// +optional
	// +listType=atomic
	Warnings []string `json:"warnings,omitempty"`
}

// PlannedChange is one parameter that changes.
type PlannedChange struct {
	// File that holds the parameter.
	// +optional
	File string `json:"file,omitempty"`

	// Parameter is its name.
	// +required
	Parameter string `json:"parameter,omitempty"`

	// From is the former value; empty when it was not set. Values of passwords are not shown.
	// +optional
	From string `json:"from,omitempty"`

	// To is the new value; empty when it is no longer set.
	// +optional
	To string `json:"to,omitempty"`

	// Action is what the change costs.
	// +required
	Action PlannedAction `json:"action,omitempty"`
}

// PlannedMember is what happens to one member.
type PlannedMember struct {
	// Name of the pod.
	// +required
	Name string `json:"name,omitempty"`

	// Role of the member when the plan was made; empty where members are equal.
	// +optional
	Role string `json:"role,omitempty"`

	// Action is what is done to it.
	// +required
	Action PlannedAction `json:"action,omitempty"`

	// Reason is why.
	// +optional
	Reason string `json:"reason,omitempty"`
}

// Disruption is what an operation cost, measured.
type Disruption struct {
	// PodsRestarted is how many pods were replaced.
	// +optional
	PodsRestarted int32 `json:"podsRestarted"`

	// PodsReloaded is how many pods took a new configuration without a restart.
	// +optional
	PodsReloaded int32 `json:"podsReloaded,omitempty"`

	// Switchovers is how often the primary role moved.
	// +optional
	Switchovers int32 `json:"switchovers,omitempty"`

	// Duration is the time from pausing to resuming the database.
	// +optional
	Duration metav1.Duration `json:"duration,omitzero"`

	// LongestOutage is the longest time during which no new connection through the Service succeeded, as seen by the
	// operator, which opens one every 250 ms. Zero means that none failed; absent, that none ever succeeded, so that
	// nothing can be said. While no operator ran nobody looked.
	// +optional
	LongestOutage *metav1.Duration `json:"longestOutage,omitempty"`

	// ProbeFailures is how many of these connections failed.
	// +optional
	ProbeFailures *int32 `json:"probeFailures,omitempty"`

	// SessionsCut is how many client sessions were ended by the servers of the pods that were restarted; absent when
	// that is not known of all of them.
	// +optional
	SessionsCut *int32 `json:"sessionsCut,omitempty"`
}

// Journal is what the engine must remember to carry on after it died at any moment. It belongs to the engine alone and is
// no interface: scripts should read phase, conditions, plan and disruption.
type Journal struct {
	// DatabaseUID is the incarnation of the database that the operation works on.
	// +optional
	DatabaseUID types.UID `json:"databaseUID,omitempty"`

	// Step that is under way; in the restart of pods, followed by "--" and the pod.
	// +optional
	Step string `json:"step,omitempty"`

	// Attempt counts the side effects of the step, each of which follows a successful write of this journal.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// Deadline is when the step counts as failed.
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty"`

	// Waiting is what the operation waits for.
	// +optional
	Waiting string `json:"waiting,omitempty"`

	// Started is when the database was paused.
	// +optional
	Started *metav1.Time `json:"started,omitempty"`

	// Before holds those parts of the database's spec that the operation changes, as they were.
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Before *runtime.RawExtension `json:"before,omitempty"`

	// After holds the same parts as they shall be.
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	After *runtime.RawExtension `json:"after,omitempty"`

	// FormerConfigHash identifies the configuration files in force before the operation.
	// +optional
	FormerConfigHash string `json:"formerConfigHash,omitempty"`

	// ConfigHash identifies the configuration files that the operation brings.
	// +optional
	ConfigHash string `json:"configHash,omitempty"`

	// FormerImage is the server's image before an operation that changes it.
	// +optional
	FormerImage string `json:"formerImage,omitempty"`

	// Image is the server's image that such an operation brings.
	// +optional
	Image string `json:"image,omitempty"`

	// Broken names the members that were not ready before the operation; no rollback waits for them.
	// +optional
	// +listType=atomic
	Broken []string `json:"broken,omitempty"`

	// Targets are the pods that the operation restarts, in order, by the UID that each had when it was chosen.
	// +optional
	// +listType=atomic
	Targets []Target `json:"targets,omitempty"`

	// Try counts the attempts that failed and were undone.
	// +optional
	Try int32 `json:"try,omitempty"`

	// FormerTries are the targets of those attempts.
	// +optional
	// +listType=atomic
	FormerTries []Target `json:"formerTries,omitempty"`

	// Failure is set when the operation failed or was cancelled: from then on what it did is undone.
	// +optional
	Failure *Failure `json:"failure,omitempty"`
}

// Target is a pod that shall be replaced.
type Target struct {
	// Name of the pod.
	// +required
	Name string `json:"name,omitempty"`

	// UID of the pod that is to go. A pod of that name with another UID is its successor.
	// +optional
	UID types.UID `json:"uid,omitempty"`

	// SessionsCut is how many client sessions its server ended when it went; absent while that is not known.
	// +optional
	SessionsCut *int32 `json:"sessionsCut,omitempty"`

	// Rollback is true for a pod that is replaced to undo what the operation did.
	// +optional
	Rollback bool `json:"rollback,omitempty"`
}

// Failure is why an operation is being undone.
type Failure struct {
	// Step that failed.
	// +optional
	Step string `json:"step,omitempty"`

	// Reason in one word.
	// +required
	Reason string `json:"reason,omitempty"`

	// Message says what was attempted, what came back and what to do.
	// +optional
	Message string `json:"message,omitempty"`

	// Unrestored lists what could not be undone.
	// +optional
	// +listType=atomic
	Unrestored []string `json:"unrestored,omitempty"`
}
