package step

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// RestorePods brings the members back to the former state.
//
//   - Precondition: Secret and PetSets hold the former state, unless Await is set.
//   - Effect: every member that was ready before the operation is ready and has the former configuration in force. A
//     member that the operation restarted is replaced once more if it needs a restart to go back, if it has the image of
//     another version, or if it does not come back by itself: at once when Kubernetes says that it cannot, and after half of the step's time otherwise. Nobody
//     else is restarted: a member that only reloaded goes back by a reload.
//   - Writes: in status the target, by UID, before its pod is evicted; at most one at a time.
//   - Twice: as RestartPods; a member that has such a target is not chosen again.
type RestorePods struct {
	// Await only waits for members that are on their way: there is nothing to go back to.
	Await bool
}

// Type implements Step.
func (RestorePods) Type(*Scope) string { return TypeRestorePods }

// Next implements Step.
func (r RestorePods) Next(_ context.Context, s *Scope) Move {
	want := s.former()
	if r.Await {
		want = state{}
	}
	targets := s.targets(true)
	if d := Next(targets, s.pods(want)); d.Action != Finished {
		return s.restore(targets, d)
	}
	move := Move{Kind: Done, Notes: s.restoreNotes(targets, Decision{Action: Finished, Target: len(targets)})}
	for _, m := range s.Members {
		lacks := s.lacksFormer(m, want)
		if lacks == "" || slices.Contains(s.Journal().Broken, m.Pod.Name) && !s.restarted(m) {
			continue
		}
		if !r.Await && s.needsReplacement(m) {
			return chooseForRestore(m)
		}
		move.Kind, move.Until = Wait, s.half()
		move.Text = fmt.Sprintf("pod %s to be as before: %s", m.Pod.Name, lacks)
	}
	if missing := s.missing(); missing != "" && move.Kind == Done {
		return Move{Kind: Wait, Text: missing, Notes: move.Notes}
	}
	return move
}

// restore carries on with the replacement of a chosen member.
func (s *Scope) restore(targets []opsv1alpha1.Target, d Decision) Move {
	move := Move{Kind: Wait, Text: d.Why, On: targets[d.Target].Name, Notes: s.restoreNotes(targets, d)}
	if d.Action == Evict {
		move.Kind = Act
		move.Do = func(ctx context.Context) error { return s.evict(ctx, targets[d.Target]) }
	}
	return move
}

func (s *Scope) restoreNotes(targets []opsv1alpha1.Target, d Decision) []Note {
	var notes []Note
	for i, t := range targets[:min(d.Target+1, len(targets))] {
		past := i < d.Target
		gone := past || d.Action == AwaitGone || d.Action == AwaitBack
		notes = append(notes, PodNote(TypeRestorePod, t.Name, gone), PodNote(TypeCheckPodRestored, t.Name, past))
	}
	return notes
}

func chooseForRestore(m database.Member) Move {
	target := opsv1alpha1.Target{Name: m.Pod.Name, UID: m.Pod.UID, Rollback: true}
	return record(func(status *opsv1alpha1.OpsRequestStatus) {
		status.Journal.Targets = append(status.Journal.Targets, target)
	})
}

// lacksFormer says what keeps a member from being as before, nothing if it is.
func (s *Scope) lacksFormer(m database.Member, want state) string {
	lacks := s.lacking(m, want)
	if lacks == "" && want.hash != "" && s.restarted(m) && len(s.pendingRestart()[m.Pod.Name]) > 0 {
		return "its former settings wait for a restart"
	}
	return lacks
}

// needsReplacement tells whether a member can only come back by being replaced. Only a member that the operation
// restarted, and that was not yet replaced, can.
func (s *Scope) needsReplacement(m database.Member) bool {
	if !s.restarted(m) || m.Pod.DeletionTimestamp != nil {
		return false
	}
	if slices.ContainsFunc(s.targets(true), func(t opsv1alpha1.Target) bool { return t.Name == m.Pod.Name }) {
		return false
	}
	if image := s.Journal().FormerImage; image != "" && s.imageOf(m) != image {
		return true // no time makes another version of it
	}
	if m.Ready {
		return reported(m).Accepted(s.Journal().FormerConfigHash) && len(s.pendingRestart()[m.Pod.Name]) > 0
	}
	_, stuck := Stuck(m.Pod)
	return stuck || !s.Now.Before(s.half())
}

// half is when half of the time is over in which members may come back by themselves. The replacement of one has a time
// of its own.
func (s *Scope) half() time.Time {
	if j := s.Journal(); j.Step == TypeRestorePods && j.Deadline != nil {
		return j.Deadline.Add(-s.Timeout / 2)
	}
	return s.Now.Add(s.Timeout / 2) // the wait begins now
}

// restarted tells whether the pod came up because of the operation.
func (s *Scope) restarted(m database.Member) bool {
	return slices.ContainsFunc(s.forward(), func(t opsv1alpha1.Target) bool {
		return t.Name == m.Pod.Name && t.UID != m.Pod.UID
	})
}

// missing says which of the operation's targets has no pod at all.
func (s *Scope) missing() string {
	for _, t := range s.forward() {
		if !slices.ContainsFunc(s.Members, func(m database.Member) bool { return m.Pod.Name == t.Name }) {
			return fmt.Sprintf("pod %s to be created again", t.Name)
		}
	}
	return ""
}

// Stuck says why a pod cannot start, in Kubernetes' words, if Kubernetes says so.
func Stuck(pod *corev1.Pod) (string, bool) {
	if pod.Status.Phase == corev1.PodFailed {
		return fmt.Sprintf("pod failed: %s %s", pod.Status.Reason, pod.Status.Message), true
	}
	statuses := append(slices.Clone(pod.Status.InitContainerStatuses), pod.Status.ContainerStatuses...)
	for _, c := range statuses {
		if w := c.State.Waiting; w != nil && slices.Contains(hopeless, w.Reason) {
			return fmt.Sprintf("container %s: %s: %s", c.Name, w.Reason, w.Message), true
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "cannot be scheduled: " + c.Message, true
		}
	}
	return "", false
}

// Starting says which container of a pod has not started yet, and from which image, nothing if all have.
func Starting(pod *corev1.Pod) string {
	statuses := append(slices.Clone(pod.Status.InitContainerStatuses), pod.Status.ContainerStatuses...)
	for _, c := range statuses {
		if w := c.State.Waiting; w != nil {
			return strings.TrimSuffix(fmt.Sprintf("container %s with image %s is waiting: %s: %s", c.Name, c.Image, w.Reason, w.Message), ": ")
		}
	}
	return ""
}

// hopeless are reasons for which the kubelet keeps a container waiting until the pod is changed.
var hopeless = []string{
	"ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "CrashLoopBackOff",
	"CreateContainerConfigError", "CreateContainerError", "RunContainerError",
}
