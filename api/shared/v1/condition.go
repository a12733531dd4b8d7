package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ConditionSeverity tells how much a condition that is not as it should be matters.
type ConditionSeverity string

const (
	// SeverityError means that somebody must act.
	SeverityError ConditionSeverity = "Error"
	// SeverityWarning means that the state is degraded but may heal by itself.
	SeverityWarning ConditionSeverity = "Warning"
	// SeverityInfo means that the state is worth knowing and harmless.
	SeverityInfo ConditionSeverity = "Info"
)

// Condition is one aspect of the observed state of an object. Databases, poolers and operations use the same type. It
// differs from metav1.Condition in that reason and message may be empty and that a severity may be given.
type Condition struct {
	// Type is the name of the aspect, unique within the object.
	// +required
	Type string `json:"type,omitempty"`

	// Status is True, False or Unknown.
	// +required
	Status metav1.ConditionStatus `json:"status,omitempty"`

	// ObservedGeneration is the metadata.generation that the condition was computed from.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Severity is set only where the status is not the wanted one.
	// +optional
	Severity ConditionSeverity `json:"severity,omitempty"`

	// LastTransitionTime is when status last changed.
	// +required
	LastTransitionTime metav1.Time `json:"lastTransitionTime,omitzero"`

	// Reason is one CamelCase word for programs.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Message is one sentence for people.
	// +optional
	Message string `json:"message,omitempty"`
}

// Condition types of a database or pooler, in the order in which a new one normally gets them.
const (
	// ConditionProvisioningStarted is True once the first child object was asked for.
	ConditionProvisioningStarted = "ProvisioningStarted"
	// ConditionDatabaseDependencyReady is False while something the object refers to is missing, such as the
	// AppBinding or the configuration Secret.
	ConditionDatabaseDependencyReady = "DatabaseDependencyReady"
	// ConditionReplicaReady is True while every wanted pod is ready.
	ConditionReplicaReady = "ReplicaReady"
	// ConditionServerReady is True while the server process of every member is up.
	ConditionServerReady = "ServerReady"
	// ConditionAcceptingConnection is True while a client can connect.
	ConditionAcceptingConnection = "AcceptingConnection"
	// ConditionDataRestoreStarted is True once an initialisation from a backup began.
	ConditionDataRestoreStarted = "DataRestoreStarted"
	// ConditionDataRestored is True when that initialisation succeeded and False when it failed.
	ConditionDataRestored = "DataRestored"
	// ConditionReady is True while the health check passes.
	ConditionReady = "Ready"
	// ConditionDatabaseReadAccess is the result of the last read check.
	ConditionDatabaseReadAccess = "DatabaseReadAccess"
	// ConditionDatabaseWriteAccess is the result of the last write check.
	ConditionDatabaseWriteAccess = "DatabaseWriteAccess"
	// ConditionInternalUsersSynced is True while the users that the operator needs exist with the right credentials.
	ConditionInternalUsersSynced = "InternalUsersSynced"
	// ConditionProvisioned turns True when the object was ready for the first time and stays True.
	ConditionProvisioned = "Provisioned"
	// ConditionPaused is True while an operation has the object to itself: the provisioner then writes only status.
	ConditionPaused = "Paused"
	// ReasonPausedByOpsRequest goes with Paused when it was an operation request, which the message names.
	ReasonPausedByOpsRequest = "PausedByOpsRequest"
	// ConditionHealthCheckPaused is True while the health check is suspended; the phase is then Unknown.
	ConditionHealthCheckPaused = "HealthCheckPaused"
	// ConditionHalted is True when everything but data and credentials has been removed on request.
	ConditionHalted = "Halted"
)

// Reasons of the conditions above.
const (
	// ReasonProvisioningStarted goes with ProvisioningStarted=True.
	ReasonProvisioningStarted = "DatabaseProvisioningStartedSuccessfully"
	// ReasonFailedToEnsureDependency goes with DatabaseDependencyReady=False.
	ReasonFailedToEnsureDependency = "FailedToEnsureDependency"
	// ReasonAllReplicasReady goes with ReplicaReady=True, and with Ready=True of a pooler.
	ReasonAllReplicasReady = "AllReplicasReady"
	// ReasonSomeReplicasNotReady goes with ReplicaReady=False.
	ReasonSomeReplicasNotReady = "SomeReplicasNotReady"
	// ReasonAcceptingConnectionRequest goes with AcceptingConnection=True of a Postgres.
	ReasonAcceptingConnectionRequest = "DatabaseAcceptingConnectionRequest"
	// ReasonAcceptingConnection goes with AcceptingConnection=True of a pooler.
	ReasonAcceptingConnection = "AcceptingConnection"
	// ReasonNotAcceptingConnectionRequest goes with AcceptingConnection=False.
	ReasonNotAcceptingConnectionRequest = "DatabaseNotAcceptingConnectionRequest"
	// ReasonReadinessCheckSucceeded goes with Ready=True of a Postgres.
	ReasonReadinessCheckSucceeded = "ReadinessCheckSucceeded"
	// ReasonReadinessCheckFailed goes with Ready=False.
	ReasonReadinessCheckFailed = "ReadinessCheckFailed"
	// ReasonSuccessfullyProvisioned goes with Provisioned=True.
	ReasonSuccessfullyProvisioned = "DatabaseSuccessfullyProvisioned"
	// ReasonReadAccessCheckSucceeded goes with DatabaseReadAccess=True.
	ReasonReadAccessCheckSucceeded = "DatabaseReadAccessCheckSucceeded"
	// ReasonReadAccessCheckFailed goes with DatabaseReadAccess=False.
	ReasonReadAccessCheckFailed = "DatabaseReadAccessCheckFailed"
	// ReasonWriteAccessCheckSucceeded goes with DatabaseWriteAccess=True.
	ReasonWriteAccessCheckSucceeded = "DatabaseWriteAccessCheckSucceeded"
	// ReasonWriteAccessCheckFailed goes with DatabaseWriteAccess=False.
	ReasonWriteAccessCheckFailed = "DatabaseWriteAccessCheckFailed"
	// ReasonDataRestoreStarted goes with DataRestoreStarted=True.
	ReasonDataRestoreStarted = "DataRestoreStartedByExternalInitializer"
	// ReasonDataRestored goes with DataRestored=True.
	ReasonDataRestored = "SuccessfullyDataRestored"
	// ReasonFailedToRestoreData goes with DataRestored=False.
	ReasonFailedToRestoreData = "FailedToRestoreData"
	// ReasonDataRestoreInterrupted goes with DataRestored=False when the restore was cut off.
	ReasonDataRestoreInterrupted = "DataRestoreInterrupted"
	// ReasonHalted goes with Halted=True.
	ReasonHalted = "DatabaseHaltedSuccessfully"
)
