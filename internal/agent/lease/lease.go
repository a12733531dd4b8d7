// Package lease reads and changes the leader Lease of a Postgres cluster: who is primary, since which term, and which
// system the cluster is. The functions on the object are pure; Keeper does the writing.
package lease

import (
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations of the Lease.
const (
	// AnnotationSystemID records PostgreSQL's system identifier: from then on an empty volume is a lost volume.
	AnnotationSystemID = "matriarch.dev/system-identifier"
	// AnnotationTerm counts the changes of the primary.
	AnnotationTerm = "matriarch.dev/term"
)

// Duration and Renew are how long a renewal counts and how often it is made.
const (
	Duration = 10 * time.Second
	Renew    = 3 * time.Second
)

// Holder identifies one run of one agent.
type Holder struct {
	Pod, UID string
	// Boot differs for each start of the agent.
	Boot string
}

// String is the Lease's holderIdentity.
func (h Holder) String() string { return h.Pod + "/" + h.UID + "/" + h.Boot }

// HolderPod is the name of the pod that holds the Lease; empty for none.
func HolderPod(l *coordinationv1.Lease) string {
	if l == nil || l.Spec.HolderIdentity == nil {
		return ""
	}
	pod, _, _ := strings.Cut(*l.Spec.HolderIdentity, "/")
	return pod
}

// SystemID is the recorded system identifier; empty for none.
func SystemID(l *coordinationv1.Lease) string {
	if l == nil {
		return ""
	}
	return l.Annotations[AnnotationSystemID]
}

// Term is the number of times that the primary has changed.
func Term(l *coordinationv1.Lease) int {
	term, _ := strconv.Atoi(l.Annotations[AnnotationTerm])
	return term
}

// Held tells whether the holder is this very run of this agent.
func Held(l *coordinationv1.Lease, by Holder) bool {
	return l != nil && l.Spec.HolderIdentity != nil && *l.Spec.HolderIdentity == by.String()
}

// Take returns the Lease as the new holder writes it. The term grows when another pod held it.
func Take(l *coordinationv1.Lease, by Holder, systemID string, now time.Time) *coordinationv1.Lease {
	taken := l.DeepCopy()
	identity, seconds, at := by.String(), int32(Duration/time.Second), metav1.NewMicroTime(now)
	if taken.Annotations == nil {
		taken.Annotations = map[string]string{}
	}
	taken.Annotations[AnnotationSystemID] = systemID
	if former := HolderPod(l); former != by.Pod || Term(l) == 0 {
		taken.Annotations[AnnotationTerm] = strconv.Itoa(Term(l) + 1)
		var transitions int32
		if t := l.Spec.LeaseTransitions; t != nil && former != "" {
			transitions = *t + 1
		}
		taken.Spec.LeaseTransitions = &transitions
	}
	taken.Spec.HolderIdentity, taken.Spec.LeaseDurationSeconds = &identity, &seconds
	taken.Spec.AcquireTime, taken.Spec.RenewTime = &at, &at
	return taken
}

// Renewed returns the Lease with a new renewal.
func Renewed(l *coordinationv1.Lease, now time.Time) *coordinationv1.Lease {
	renewed := l.DeepCopy()
	at := metav1.NewMicroTime(now)
	renewed.Spec.RenewTime = &at
	return renewed
}

// Released returns the Lease without a holder; what it records stays.
func Released(l *coordinationv1.Lease) *coordinationv1.Lease {
	released := l.DeepCopy()
	nobody := ""
	released.Spec.HolderIdentity, released.Spec.RenewTime, released.Spec.AcquireTime = &nobody, nil, nil
	return released
}
