package step

import (
	"context"
	"fmt"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// RestartPods replaces pods one after the other. It is the one rolling restart of all operations.
//
//   - Precondition: the targets are recorded, or All is set. Whatever the successors are to start with is already
//     written.
//   - Effect: each target is evicted, once, by the UID recorded before; the next one only when its successor is ready and
//     reports the configuration of the operation.
//   - Writes: evictions (the agent drains its server while the pod terminates). In status: the targets, before the first
//     eviction, and conditions per pod.
//   - Twice: a pod that was replaced has another UID than its target, and Next never evicts such a pod. An eviction that
//     is repeated carries the UID and is refused if the pod is another one by now.
type RestartPods struct {
	// All restarts every member there is when the step begins. Otherwise the recorded targets are restarted, and without
	// any the step is passed over in silence.
	All bool
}

// Type implements Step.
func (RestartPods) Type(s *Scope) string { return s.Texts.Restart.Type }

// Next implements Step.
func (r RestartPods) Next(_ context.Context, s *Scope) Move {
	targets := s.forward()
	if len(targets) == 0 {
		if !r.All {
			return skip()
		}
		return chooseAll(s)
	}
	d := Next(targets, s.pods(targets, s.Journal().ConfigHash))
	move := Move{Text: d.Why, Notes: s.restartNotes(targets, d)}
	if words, refused := s.refusedBy(s.Members); refused {
		return fail(ReasonRejected, words)
	}
	switch d.Action {
	case Finished:
		move.Kind = Done
	case Evict:
		move.Kind, move.On = Act, targets[d.Target].Name
		move.Do = func(ctx context.Context) error { return s.evict(ctx, targets[d.Target]) }
	default:
		move.Kind, move.On = Wait, s.furthest(targets, d)
	}
	return move
}

// chooseAll records every member as a target.
func chooseAll(s *Scope) Move {
	if len(s.Members) == 0 {
		return done()
	}
	targets := targetsOf(Order(s.Members))
	return Move{
		Kind: Act, Text: fmt.Sprintf("restart of %d pods", len(targets)), On: targets[0].Name,
		Record: func(status *opsv1alpha1.OpsRequestStatus) { status.Journal.Targets = targets },
		Do:     func(context.Context) error { return nil }, // the record is all there is to do
	}
}

// forward returns the recorded targets of the operation itself.
func (s *Scope) forward() []opsv1alpha1.Target { return s.targets(false) }

func (s *Scope) targets(rollback bool) []opsv1alpha1.Target {
	var targets []opsv1alpha1.Target
	for _, t := range s.Journal().Targets {
		if t.Rollback == rollback {
			targets = append(targets, t)
		}
	}
	return targets
}

// pods is what Next needs to know of the members, given which configuration they are to report.
func (s *Scope) pods(targets []opsv1alpha1.Target, hash string) []Pod {
	pods := make([]Pod, 0, len(s.Members))
	for _, m := range s.Members {
		lacks := lacking(m, hash)
		pods = append(pods, Pod{
			Name: m.Pod.Name, UID: m.Pod.UID, Deleting: m.Pod.DeletionTimestamp != nil,
			Back: lacks == "", Lacks: lacks,
		})
	}
	return pods
}

// lacking says what a member lacks to count as back, nothing if it is. An empty hash asks for any report at all.
func lacking(m database.Member, hash string) string {
	r := reported(m)
	switch {
	case m.Pod.DeletionTimestamp != nil:
		return "is being deleted"
	case !m.Ready && r.Problem != "":
		return "not ready: " + r.Problem
	case !m.Ready:
		return "not ready yet"
	case r.ConfigHash == "":
		return "its agent has not reported yet"
	case hash != "" && !r.Accepted(hash):
		return "its agent has not yet taken the newest configuration"
	}
	return ""
}

// refusedBy returns the words of the first server that refuses the operation's configuration.
func (s *Scope) refusedBy(members []database.Member) (string, bool) {
	for _, m := range members {
		if words, refused := reported(m).Refused(s.Journal().ConfigHash); refused && s.Journal().ConfigHash != "" {
			return fmt.Sprintf("pod %s refuses the new configuration: %s", m.Pod.Name, words), true
		}
	}
	return "", false
}

// furthest is the part of the step whose deadline counts: a target that was begun keeps its deadline even while the
// restart waits for an earlier one, so that two failing pods cannot prolong each other's time.
func (s *Scope) furthest(targets []opsv1alpha1.Target, d Decision) string {
	on := targets[d.Target].Name
	for _, t := range targets[d.Target:] {
		if s.noted(s.Texts.PodChosen, t.Name) || s.noted(s.Texts.PodEvicted, t.Name) {
			on = t.Name
		}
	}
	return on
}
