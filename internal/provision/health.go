package provision

import (
	"context"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// checkHealth takes the prober's last answer into the conditions, and gives it what was gathered anew. The server is
// asked at once when a member came or went since the last pass.
func (r *Reconciler) checkHealth(_ context.Context, s *scope) (bool, kube.Outcome) {
	if kube.ConditionTrue(s.in.Status().Conditions, sharedv1.ConditionHealthCheckPaused) {
		r.probers.stop(s.owner.NamespacedName)
		return true, kube.Done()
	}
	health := r.probers.last(s.owner.NamespacedName)
	if s.gathered != nil {
		gathered := s.gathered
		health = r.probers.ask(s.owner.NamespacedName, question{
			ask:   func(ctx context.Context) database.Health { return r.kind.Probe(ctx, gathered) },
			check: s.work.Spec().Health,
		}, s.membersChanged())
	}
	if health != nil {
		s.setHealth(*health)
	}
	return true, kube.Done()
}

// membersChanged tells whether the number of ready members is another one than the status says.
func (s *scope) membersChanged() bool {
	before := kube.FindCondition(s.in.Status().Conditions, conditionReplicaReady)
	now := kube.FindCondition(s.conditions, conditionReplicaReady)
	return before == nil || now == nil || before.Status != now.Status || before.Message != now.Message
}

// setHealth turns an answer into conditions. Ready says that clients are fully served.
func (s *scope) setHealth(h database.Health) {
	texts := s.Info.Texts
	if h.Accepting {
		s.set(sharedv1.ConditionAcceptingConnection, true, texts.AcceptingReason, s.words(texts.Accepting))
		s.set(sharedv1.ConditionDatabaseReadAccess, true, sharedv1.ReasonReadAccessCheckSucceeded, "A read through the Service succeeds.")
	} else {
		s.set(sharedv1.ConditionAcceptingConnection, false, sharedv1.ReasonNotAcceptingConnectionRequest, h.Message)
		s.set(sharedv1.ConditionDatabaseReadAccess, false, sharedv1.ReasonReadAccessCheckFailed, h.Message)
	}
	if h.Writable {
		s.set(sharedv1.ConditionDatabaseWriteAccess, true, sharedv1.ReasonWriteAccessCheckSucceeded, "A write through the Service succeeds.")
	} else {
		s.set(sharedv1.ConditionDatabaseWriteAccess, false, sharedv1.ReasonWriteAccessCheckFailed, h.Message)
	}
	if h.Healthy() {
		s.set(sharedv1.ConditionReady, true, texts.ReadyReason, s.words(texts.Ready))
		return
	}
	s.set(sharedv1.ConditionReady, false, sharedv1.ReasonReadinessCheckFailed, h.Message)
}
