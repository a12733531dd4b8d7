package database

import (
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

// Operable is a kind that operation requests can change. What it adds are words; what an operation does stands once, in
// internal/ops, for all kinds.
type Operable interface {
	// Operation returns the words for one type of operation, false if the kind does not have it.
	Operation(opsv1alpha1.OpsRequestType) (OperationTexts, bool)
}

// OperationTexts are the conditions that one type of operation leaves on its request.
type OperationTexts struct {
	// Start is the first condition.
	Start Text
	// Certificates: what was asked for is issued and in force everywhere (ReconfigureTLS).
	Certificates Text
	// Objects: the Secret with the configuration and the PetSets are written.
	Objects Text
	// Reload: every member took the new configuration, apart from what waits for a restart.
	Reload Text
	// Restart: the members that had to be restarted are back.
	Restart Text
	// Database: the spec of the database says what was asked for.
	Database Text
	// Closing goes right before Success; a kind that has none leaves it empty.
	Closing Text
	// Success is the last condition.
	Success Text
	// PodChosen, PodEvicted and PodBack are the condition types, without the pod's name, that tell how the restart of
	// one pod goes on.
	PodChosen, PodEvicted, PodBack []string
}

// Text is one condition: its type, its reason (the type when empty) and its message. In the message {database} stands
// for namespace/name of the database, {namespace} for that of both, and {request} for the name of the request.
type Text struct{ Type, Reason, Message string }

// AsOperable returns the capability if the kind has it.
func AsOperable(k Kind) (Operable, bool) {
	o, ok := k.(Operable)
	return o, ok
}
