package ops

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

func TestARestartReplacesEachPodOnceOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.ask("op", restart())
	request := w.drive(w.engine(w.client), "op")
	if request.Status.Phase != opsv1alpha1.OpsRequestPhaseSuccessful {
		t.Fatal(w.dump("op"))
	}
	want := []string{
		"Restart", "DatabasePauseSucceeded",
		"GetPod--db-0", "EvictPod--db-0", "CheckPodRunning--db-0",
		"GetPod--db-1", "EvictPod--db-1", "CheckPodRunning--db-1",
		"RestartPods", "Successful",
	}
	if diff := cmp.Diff(want, conditionsOf(request)); diff != "" {
		t.Error(diff)
	}
	w.check(request, map[string]int{"db-0": 2, "db-1": 2})
}

// check asserts what holds at the end of every operation: the database is free, and pods were made as often as given.
func (w *world) check(request *opsv1alpha1.PgpoolOpsRequest, made map[string]int) {
	w.t.Helper()
	if h, paused := pausedBy(w.database().DatabaseStatus()); paused {
		w.t.Errorf("the database is still paused by %+v", h)
	}
	if len(request.Finalizers) > 0 {
		w.t.Errorf("the request still has finalizers %v", request.Finalizers)
	}
	if diff := cmp.Diff(made, w.made); diff != "" {
		w.t.Errorf("pods made: %s", diff)
	}
}
