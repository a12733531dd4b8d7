package ops

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
)

func named(name string, uid types.UID) *opsv1alpha1.PgpoolOpsRequest {
	return &opsv1alpha1.PgpoolOpsRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "demo", Name: name, UID: uid}}
}

func TestAHoldNamesItsRequest(t *testing.T) {
	t.Parallel()
	var status sharedv1.DatabaseStatus
	if _, paused := pausedBy(&status); paused {
		t.Error("a database without conditions is paused")
	}
	take(&status, "PgpoolOpsRequest", named("op.a", "uid-1"), metav1.Now())
	got, paused := pausedBy(&status)
	if want := (hold{"op.a", "uid-1"}); !paused || got != want {
		t.Errorf("paused %t by %+v, want %+v", paused, got, want)
	}
}

func TestOnlyTheHolderReleases(t *testing.T) {
	t.Parallel()
	var status sharedv1.DatabaseStatus
	take(&status, "PgpoolOpsRequest", named("op", "uid-1"), metav1.Now())
	release(&status, hold{"op", "uid-2"})
	if _, paused := pausedBy(&status); !paused {
		t.Error("a namesake released the hold")
	}
	release(&status, hold{"op", "uid-1"})
	if c := kube.FindCondition(status.Conditions, sharedv1.ConditionPaused); c != nil {
		t.Errorf("the condition is still there: %+v", c)
	}
}

func TestAPauseBySomebodyElseIsNobodysHold(t *testing.T) {
	t.Parallel()
	for _, c := range []sharedv1.Condition{
		{Type: sharedv1.ConditionPaused, Status: metav1.ConditionTrue, Reason: "Maintenance", Message: "by hand"},
		{Type: sharedv1.ConditionPaused, Status: metav1.ConditionTrue, Reason: sharedv1.ReasonPausedByOpsRequest, Message: "edited by hand"},
	} {
		status := sharedv1.DatabaseStatus{Conditions: []sharedv1.Condition{c}}
		h, paused := pausedBy(&status)
		if !paused || h != (hold{}) {
			t.Errorf("%q: paused %t by %+v", c.Message, paused, h)
		}
		release(&status, hold{})
		if _, still := pausedBy(&status); !still {
			t.Errorf("%q: nobody's hold released it", c.Message)
		}
	}
}

func TestAConditionThatIsFalseIsNoPause(t *testing.T) {
	t.Parallel()
	status := sharedv1.DatabaseStatus{Conditions: []sharedv1.Condition{
		{Type: sharedv1.ConditionPaused, Status: metav1.ConditionFalse, Reason: sharedv1.ReasonPausedByOpsRequest},
	}}
	if _, paused := pausedBy(&status); paused {
		t.Error("Paused=False counts as paused")
	}
}
