package provision

import (
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// PhaseOf sums up the conditions of an instance; the first rule that applies decides. Paused changes nothing. It is
// empty before anything has happened.
func PhaseOf(conditions []sharedv1.Condition) sharedv1.DatabasePhase {
	isTrue := func(t string) bool { return kube.ConditionTrue(conditions, t) }
	isFalse := func(t string) bool { return kube.ConditionFalse(conditions, t) }
	switch {
	case isTrue(sharedv1.ConditionHealthCheckPaused):
		return sharedv1.PhaseUnknown
	case isTrue(sharedv1.ConditionHalted):
		return sharedv1.PhaseHalted
	case isTrue(sharedv1.ConditionDataRestoreStarted) && kube.FindCondition(conditions, sharedv1.ConditionDataRestored) == nil:
		return sharedv1.PhaseDataRestoring
	case isFalse(sharedv1.ConditionDataRestored):
		return sharedv1.PhaseNotReady
	}
	if isTrue(sharedv1.ConditionProvisioned) {
		switch {
		case isFalse(sharedv1.ConditionAcceptingConnection):
			return sharedv1.PhaseNotReady
		case isFalse(sharedv1.ConditionReplicaReady), isFalse(sharedv1.ConditionReady):
			return sharedv1.PhaseCritical
		case isTrue(sharedv1.ConditionReady):
			return sharedv1.PhaseReady
		}
	}
	if isTrue(sharedv1.ConditionProvisioningStarted) {
		return sharedv1.PhaseProvisioning
	}
	return ""
}
