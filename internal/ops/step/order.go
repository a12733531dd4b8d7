package step

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Pod is what the order of restarts depends on.
type Pod struct {
	Name     string
	UID      types.UID
	Deleting bool
	// Back means ready, and what its agent reports is what is wanted.
	Back bool
	// Lacks says what is missing while Back is false.
	Lacks string
}

// Action is what the order asks for.
type Action string

// The actions.
const (
	// Evict the target's pod.
	Evict Action = "Evict"
	// AwaitGone: it was asked to go and is still there.
	AwaitGone Action = "AwaitGone"
	// AwaitBack: it went; its successor is not there or does not serve yet.
	AwaitBack Action = "AwaitBack"
	// Finished: every target was replaced by a pod that serves.
	Finished Action = "Finished"
)

// Decision is the next thing to do in a rolling restart.
type Decision struct {
	Action Action
	// Target is the index of the target it is about; the number of targets when Finished.
	Target int
	Why    string
}

// Next decides how a rolling restart goes on. It looks only at what is recorded (the targets and the UIDs that they had
// when they were chosen) and at what is there now, so it decides the same whoever asks, as often as it is asked.
//
// At most one member is away because of it: a target is evicted only when every target before it has a successor, by
// UID, that is back at this moment. Each is evicted once: a pod with another UID than the recorded one is the successor
// and is never evicted.
func Next(targets []opsv1alpha1.Target, pods []Pod) Decision {
	for i, target := range targets {
		at := slices.IndexFunc(pods, func(p Pod) bool { return p.Name == target.Name })
		if at < 0 {
			return Decision{AwaitBack, i, fmt.Sprintf("pod %s to be created again", target.Name)}
		}
		switch pod := pods[at]; {
		case pod.UID == target.UID && pod.Deleting:
			return Decision{AwaitGone, i, fmt.Sprintf("pod %s to finish its sessions and go", pod.Name)}
		case pod.UID == target.UID:
			return Decision{Evict, i, fmt.Sprintf("pod %s is next", pod.Name)}
		case !pod.Back:
			return Decision{AwaitBack, i, fmt.Sprintf("pod %s: %s", pod.Name, pod.Lacks)}
		}
	}
	return Decision{Finished, len(targets), "every pod was restarted"}
}

// Order puts members into the order in which they are restarted: first those that do not serve anyway, then read replicas,
// then standbys and equals, a primary last, or before all others.
func Order(members []database.Member, primaryFirst bool) []database.Member {
	ordered := slices.Clone(members)
	rank := func(m database.Member) int {
		switch {
		case primaryFirst && m.Role == naming.RolePrimary:
			return -1
		case !m.Ready:
			return 0
		case m.Role == naming.RoleReadReplica:
			return 1
		case m.Role == naming.RolePrimary:
			return 3
		}
		return 2
	}
	slices.SortStableFunc(ordered, func(a, b database.Member) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.PetSet, b.PetSet), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	return ordered
}

// PrimaryFirst tells from what the members report whether the primary has to be restarted before the standbys: what
// waits for a restart is less than what standbys need while the primary still has more. If standbys also wait for
// something that they must have before the primary, the primary stays last, and they are restarted once more after it.
func PrimaryFirst(members []database.Member) bool {
	after := false
	for _, m := range members {
		r := reported(m)
		if len(r.BeforePrimary) > 0 {
			return false
		}
		after = after || len(r.AfterPrimary) > 0
	}
	return after
}

// targetsOf records members as targets, in their order.
func targetsOf(members []database.Member) []opsv1alpha1.Target {
	targets := make([]opsv1alpha1.Target, 0, len(members))
	for _, m := range members {
		targets = append(targets, opsv1alpha1.Target{Name: m.Pod.Name, UID: m.Pod.UID})
	}
	return targets
}
