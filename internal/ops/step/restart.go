package step

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// RestartPods replaces pods one after the other. It is the one rolling restart of all operations.
//
//   - Precondition: the targets are recorded, or All is set. Whatever the successors are to start with is already
//     written.
//   - Effect: each target is evicted, once, by the UID recorded before; the next one only when its successor is ready,
//     reports the configuration of the operation and, if it is a standby, receives WAL. A standby that waits for the
//     primary to have less of something is not evicted before it has replayed that; one that could not wait, because
//     it had to have something else before the primary, becomes a target once more.
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
	d := Next(targets, s.pods(s.wanted()))
	move := Move{Text: d.Why, Notes: s.restartNotes(targets, d)}
	if words, refused := s.refusedBy(s.concerned()); refused {
		return fail(ReasonRejected, words)
	}
	if names := s.tooEarly(targets, d); len(names) > 0 {
		d.Action = AwaitBack
		move.Text = fmt.Sprintf("pod %s to replay the primary's new %s", targets[d.Target].Name, strings.Join(names, ", "))
	}
	switch d.Action {
	case Finished:
		if again := s.onceMore(targets, r.All); len(again) > 0 {
			return chooseAgain(again)
		}
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
	targets := targetsOf(Order(s.Members, PrimaryFirst(s.Members)))
	return record(func(status *opsv1alpha1.OpsRequestStatus) { status.Journal.Targets = targets })
}

// tooEarly names the parameters for which a standby that is next must wait for the primary's restart, if that is not to
// come after its own.
func (s *Scope) tooEarly(targets []opsv1alpha1.Target, d Decision) []string {
	if d.Action != Evict {
		return nil
	}
	var names []string
	for _, m := range s.Members {
		switch {
		case m.Pod.Name == targets[d.Target].Name:
			names = reported(m).AfterPrimary
		case m.Role == naming.RolePrimary && named(targets[d.Target:], m.Pod.Name):
			return nil
		}
	}
	return names
}

// onceMore returns the standbys that were restarted once and still wait for a restart.
func (s *Scope) onceMore(targets []opsv1alpha1.Target, all bool) []database.Member {
	pending := s.pendingRestart()
	var again []database.Member
	for _, m := range s.Members {
		times := 0
		for _, t := range targets {
			if t.Name == m.Pod.Name {
				times++
			}
		}
		waits := len(pending[m.Pod.Name]) > 0 || all && len(reported(m).PendingRestart) > 0
		if times == 1 && waits && m.Role != "" && m.Role != naming.RolePrimary {
			again = append(again, m)
		}
	}
	return again
}

// chooseAgain adds members to the targets.
func chooseAgain(members []database.Member) Move {
	targets := targetsOf(members)
	return record(func(status *opsv1alpha1.OpsRequestStatus) {
		status.Journal.Targets = append(status.Journal.Targets, targets...)
	})
}

func named(targets []opsv1alpha1.Target, pod string) bool {
	return slices.ContainsFunc(targets, func(t opsv1alpha1.Target) bool { return t.Name == pod })
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

// state is what a member has to have in force to count as back.
type state struct {
	// hash of the configuration files; empty asks for any report at all.
	hash string
	// image of the server; empty where the operation leaves it alone.
	image string
}

// wanted is the state that the operation brings, former the one that it found.
func (s *Scope) wanted() state { return state{s.Journal().ConfigHash, s.Journal().Image} }
func (s *Scope) former() state { return state{s.Journal().FormerConfigHash, s.Journal().FormerImage} }

// pods is what Next needs to know of the members, given what they are to have in force.
func (s *Scope) pods(want state) []Pod {
	pods := make([]Pod, 0, len(s.Members))
	for _, m := range s.Members {
		lacks := s.lacking(m, want)
		pods = append(pods, Pod{
			Name: m.Pod.Name, UID: m.Pod.UID, Deleting: m.Pod.DeletionTimestamp != nil,
			Back: lacks == "", Lacks: lacks,
		})
	}
	return pods
}

// lacking says what a member lacks to count as back, nothing if it is.
func (s *Scope) lacking(m database.Member, want state) string {
	r, hash := reported(m), want.hash
	switch {
	case m.Pod.DeletionTimestamp != nil:
		return "is being deleted"
	case !m.Ready && r.Problem != "":
		return "not ready: " + r.Problem
	case !m.Ready:
		return "not ready yet"
	case r.ConfigHash == "":
		return "its agent has not reported yet"
	case (m.Role == naming.RoleStandby || m.Role == naming.RoleReadReplica) && r.NotStreaming:
		return "does not receive WAL from its primary yet"
	case hash != "" && !r.Accepted(hash):
		return "its agent has not yet taken the newest configuration"
	case want.image != "" && s.imageOf(m) != want.image:
		return fmt.Sprintf("it runs the image %s, not %s", s.imageOf(m), want.image)
	}
	return ""
}

// imageOf returns the image of a member's server.
func (s *Scope) imageOf(m database.Member) string { return s.ServerImage(&m.Pod.Spec) }

// ServerImage returns the image of the server in a pod or in a template of one.
func (s *Scope) ServerImage(spec *corev1.PodSpec) string {
	for _, c := range spec.Containers {
		if c.Name == s.Kind.Info().Container {
			return c.Image
		}
	}
	return ""
}

// concerned are the members that have to take the operation's configuration: those that run the version it is made for.
func (s *Scope) concerned() []database.Member {
	want := s.Journal().Image
	if want == "" {
		return s.Members
	}
	var members []database.Member
	for _, m := range s.Members {
		if s.imageOf(m) == want {
			members = append(members, m)
		}
	}
	return members
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
