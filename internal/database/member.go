package database

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Member is one pod of an instance and the part it plays.
type Member struct {
	Pod *corev1.Pod
	// PetSet is the name of the PetSet that runs the pod, and Ordinal the pod's number in it.
	PetSet  string
	Ordinal int
	// Role is naming.RolePrimary, naming.RoleStandby, naming.RoleReadReplica (which never becomes a primary), or empty where
	// members are equal or the role is not known yet.
	Role string
	// Ready is the pod's Ready condition, false for a pod that is being deleted.
	Ready bool
}

// Health is the result of one probe. It carries no time: equal results are equal.
type Health struct {
	// Accepting means that a client can log in and read.
	Accepting bool
	// Writable means that the write check passed, or is disabled.
	Writable bool
	// Message says in the server's words why not.
	Message string
	// Fingerprint sums up facts that the probe found on other servers and that Gather uses. A changed fingerprint
	// brings a new Gather.
	Fingerprint string
}

// Healthy tells whether clients are fully served.
func (h Health) Healthy() bool { return h.Accepting && h.Writable }

// Waiting is the error of Gather for something that is missing but expected to appear. It becomes the condition
// DatabaseDependencyReady=False; the instance is reconciled when the object appears.
type Waiting struct {
	// What is missing and what to do about it, such as `AppBinding demo/pg: not found; create it or correct
	// spec.postgresRef`.
	What string
	// Recheck, when positive, is how soon to look again at what cannot be watched.
	Recheck time.Duration
}

// Error implements error.
func (w *Waiting) Error() string { return "waiting for " + w.What }

// WaitFor returns a *Waiting about something that can be watched through the Reader.
func WaitFor(format string, args ...any) error { return &Waiting{What: fmt.Sprintf(format, args...)} }

// Unusable is the error of Gather or Build for a mistake of the user that admission could not know of, such as a
// configuration file that cannot be parsed. Nothing is changed until it is corrected.
type Unusable struct {
	// What is wrong, where, and what would be right.
	What string
}

// Error implements error.
func (u *Unusable) Error() string { return u.What }

// Unusablef returns an *Unusable.
func Unusablef(format string, args ...any) error {
	return &Unusable{What: fmt.Sprintf(format, args...)}
}
