package ops

import (
	"cmp"
	"fmt"
	"time"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

// queued is what the queue needs to know of a request. All belong to one database.
type queued struct {
	name    string
	kind    opsv1alpha1.OpsRequestType
	phase   opsv1alpha1.OpsRequestPhase
	created time.Time
	// place is the name that counts among requests of the same second; empty is the request's own.
	place string
	// always is true for apply: Always.
	always bool
	// aside is true for a request that takes no part: it is being deleted, or it is a dry run.
	aside bool
}

func (q queued) pending() bool {
	return (q.phase == "" || q.phase == opsv1alpha1.OpsRequestPhasePending) && !q.aside
}

// turn is the queue's answer to one request.
type turn struct {
	// wait says whom or what the request waits for; empty when it may begin.
	wait string
	// skippedFor is the newer request of the same type that takes its place.
	skippedFor *queued
}

// decide says whether self may begin now, given all requests for its database and whether the database is ready:
//
//   - While a request is Progressing every other one waits.
//   - Of several pending requests of one type only the newest is carried out; the others are skipped. Not so for
//     Reconfigure: each asks for something else, and nothing of it may be lost. They are merged (merge.go).
//   - Then the oldest goes first. A Reconfigure waits for nothing that is only pending but older Reconfigures. A
//     request that waits for the database to be ready does not hold up one that does not: that one may be the cure.
func decide(self queued, all []queued, ready bool) turn {
	for _, other := range all {
		if other.name != self.name && other.phase == opsv1alpha1.OpsRequestPhaseProgressing {
			return turn{wait: fmt.Sprintf("the request %s, which is being carried out", other.name)}
		}
	}
	if self.aside {
		return turn{}
	}
	if by := successor(self, all); by != nil {
		return turn{skippedFor: by}
	}
	if !ready && !self.always {
		return turn{wait: "the database to be Ready (apply is IfReady)"}
	}
	for _, other := range all {
		if other.name != self.name && other.pending() && goesBefore(other, self) &&
			(ready || other.always) && successor(other, all) == nil {
			return turn{wait: fmt.Sprintf("the older request %s", other.name)}
		}
	}
	return turn{}
}

// successor returns the newest pending request of the same type, if it is not q itself.
func successor(q queued, all []queued) *queued {
	if q.kind == opsv1alpha1.OpsReconfigure {
		return nil
	}
	newest := q
	for _, other := range all {
		if other.kind == q.kind && other.pending() && newer(other, newest) {
			newest = other
		}
	}
	if newest.name == q.name {
		return nil
	}
	return &newest
}

// newer tells whether a counts as newer than b. Of two that were created within the same second it is the one with the
// smaller name.
func newer(a, b queued) bool {
	if a.created.Equal(b.created) {
		return a.name < b.name
	}
	return a.created.After(b.created)
}

// goesBefore tells whether a pending request a has precedence over b: the older one has, and of two that were created
// within the same second the one whose name sorts first.
func goesBefore(a, b queued) bool {
	if b.kind == opsv1alpha1.OpsReconfigure && a.kind != opsv1alpha1.OpsReconfigure {
		return false
	}
	if a.created.Equal(b.created) {
		return cmp.Or(a.place, a.name) < cmp.Or(b.place, b.name)
	}
	return a.created.Before(b.created)
}

// skippedMessage is the message of the condition Skipped.
func skippedMessage(namespace, requestKind string, by queued) string {
	return fmt.Sprintf("skipped as %s/%s is the most updated %s of type %s at %s",
		namespace, by.name, requestKind, by.kind, by.created.UTC().Format(time.RFC3339))
}
