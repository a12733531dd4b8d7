package provision

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// start notes that provisioning began. It says so before the first child is asked for, so that the user sees a phase.
func (r *Reconciler) start(_ context.Context, s *scope) (bool, kube.Outcome) {
	s.set(sharedv1.ConditionProvisioningStarted, true, sharedv1.ReasonProvisioningStarted,
		s.words(s.Info.Texts.ProvisioningStarted))
	return true, kube.Done()
}

// writeStatus writes what the pass found, if it differs from what is there. Conditions of other writers stay.
func (r *Reconciler) writeStatus(ctx context.Context, s *scope) (bool, kube.Outcome) {
	r.markProvisioned(s)
	var before []sharedv1.Condition
	now := metav1.NewTime(r.now())
	written, err := kube.PatchStatus(ctx, r.client, r.fresh, s.in.Object(), func() {
		status := s.in.Status()
		before = slices.Clone(status.Conditions)
		for _, c := range s.conditions {
			kube.SetCondition(&status.Conditions, c, now)
		}
		for _, t := range s.removed {
			kube.RemoveCondition(&status.Conditions, t)
		}
		if dated, ok := s.in.(database.CredentialsDated); ok {
			if auth := s.in.Spec().Auth; auth != nil && auth.ActiveFrom != nil {
				dated.DateCredentials(*auth.ActiveFrom)
			}
		}
		status.Phase = PhaseOf(status.Conditions)
		status.ObservedGeneration = s.generation
	})
	if err != nil {
		return false, kube.Failed(err)
	}
	if written {
		r.tell(s, before)
	}
	return true, kube.Done()
}

// markProvisioned adds the condition Provisioned the first time that all is well. It stays for good.
func (r *Reconciler) markProvisioned(s *scope) {
	if s.provisioned() {
		return
	}
	for _, t := range []string{sharedv1.ConditionReplicaReady, sharedv1.ConditionAcceptingConnection, sharedv1.ConditionReady} {
		if !kube.ConditionTrue(s.conditions, t) {
			return
		}
	}
	s.set(sharedv1.ConditionProvisioned, true, sharedv1.ReasonSuccessfullyProvisioned,
		s.words(s.Info.Texts.Provisioned))
}

// tell records events for what the written conditions say anew.
func (r *Reconciler) tell(s *scope, before []sharedv1.Condition) {
	for _, c := range s.conditions {
		old := kube.FindCondition(before, c.Type)
		switch {
		case old != nil && old.Status == c.Status && old.Reason == c.Reason:
		case c.Type == sharedv1.ConditionProvisioned:
			r.event(s, corev1.EventTypeNormal, reasonSuccessful, "Successfully created "+s.Info.Kind)
		case worthWarning(c):
			r.event(s, corev1.EventTypeWarning, reasonFailed, c.Message)
		}
	}
}
