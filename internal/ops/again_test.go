package ops

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/kube"
)

func attempts(n int32, spec opsv1alpha1.PgpoolOpsRequestSpec) opsv1alpha1.PgpoolOpsRequestSpec {
	spec.MaxRetries = ptr.To(n)
	return spec
}

func TestAnAttemptThatRanOutOfTimeIsUndoneAndMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("op", attempts(2, reconfigure("restart_a=1\n")))
	r := w.engine(w.client)
	for range 300 {
		request, result := w.step(r, "op")
		j := request.Status.Journal
		w.stuck["db-0"] = j != nil && len(j.Targets) > 0 && j.Failure == nil && j.Try == 0
		if request.Status.Phase.Finished() {
			break
		}
		if !w.tick() && result.RequeueAfter > 0 {
			w.pass(result.RequeueAfter)
		}
	}
	request := w.drive(r, "op")
	w.wantPhase(request, successful)
	c := kube.FindCondition(request.Status.Conditions, "TryFailed--1")
	if c == nil || c.Reason != "TimedOut" || !strings.HasPrefix(c.Message, "attempt 1 of 2 failed in step RestartPods: step RestartPods did not end within 10m0s") {
		t.Errorf("TryFailed--1 is %+v", c)
	}
	if kube.FindCondition(request.Status.Conditions, "RestorePods") != nil {
		t.Error("a condition of the first attempt is left")
	}
	if got, want := int(request.Status.Disruption.PodsRestarted), w.made["db-0"]-1; got != want {
		t.Errorf("%d restarts are counted, there were %d", got, want)
	}
	w.consistent()
}

func TestOnlyRunningOutOfTimeIsWorthAnotherAttempt(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]opsv1alpha1.PgpoolOpsRequestSpec{
		"refused by the servers": attempts(3, reconfigure("refused=1\n")),
		"refused in a trial":     attempts(3, update(pickyVersion)),
		"one attempt allowed":    attempts(1, reconfigure("restart_crash=1\n")),
		"none is one":            attempts(0, reconfigure("restart_crash=1\n")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.ask("op", spec)
			request := w.drive(w.engine(w.client), "op")
			w.wantPhase(request, failed)
			if kube.FindCondition(request.Status.Conditions, "TryFailed--1") != nil {
				t.Error("it was attempted again")
			}
			w.consistent()
		})
	}
}
