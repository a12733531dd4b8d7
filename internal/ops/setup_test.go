package ops

import (
	"context"
	"fmt"
	"testing"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// manager starts an operator for the world's namespace.
func (w *world) manager() (stop func()) {
	w.t.Helper()
	_, stop = env.Manager(w.t, testenv.ManagerOptions{
		Namespace: w.ns,
		Setup: func(mgr ctrl.Manager) error {
			return SetupWithManager(mgr, []database.Kind{fakeKind{}}, Options{})
		},
	})
	return stop
}

// over tells whether a request is over, after giving the world a turn.
func (w *world) over(name string) func(context.Context) error {
	return func(context.Context) error {
		w.tick()
		if request := w.request(name); !request.Status.Phase.Finished() || len(request.Finalizers) > 0 {
			return fmt.Errorf("not over: %s", w.dump(name))
		}
		return nil
	}
}

// Nothing but watches drives the engine here: the deadlines of the steps are minutes away.
func TestWatchesDriveRequestsToTheirEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.manager()
	w.ask("a-reconfigure", reconfigure("restart_a=1\n"))
	testenv.Eventually(t, func(context.Context) error { // or the other Reconfigure would be merged with it
		if phase := w.request("a-reconfigure").Status.Phase; phase == "" || phase == pendingNow {
			return fmt.Errorf("a-reconfigure is %q", phase)
		}
		return nil
	})
	w.ask("b-restart", restart())
	w.ask("c-reconfigure", reconfigure("restart_a=1\nb=1\n"))
	for _, name := range []string{"a-reconfigure", "b-restart", "c-reconfigure"} {
		testenv.Eventually(t, w.over(name))
		w.wantPhase(w.request(name), successful)
	}
	if got := string(w.secret().Data[file]); got != "default=1\nrestart_a=1\nb=1\n" {
		t.Errorf("the configuration is %q", got)
	}
	w.check(w.request("c-reconfigure"), map[string]int{"db-0": 3, "db-1": 3})
}

func TestAnotherOperatorTakesOverInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	stop := w.manager()
	w.ask("op", restart())
	testenv.Eventually(t, func(context.Context) error {
		if pod := w.pods()["db-0"]; pod.DeletionTimestamp == nil {
			return fmt.Errorf("db-0 was not evicted yet")
		}
		return nil
	})
	stop()
	w.tick()
	w.manager()
	testenv.Eventually(t, w.over("op"))
	w.wantPhase(w.request("op"), successful)
	w.check(w.request("op"), map[string]int{"db-0": 2, "db-1": 2})
}

func TestAFailureShowsWhatTheAPIServerSaysOfTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	logs, err := logsFrom(env.Config)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := logs(t.Context(), objectKey(fakeInstance{w.database()}), "pgpool"); err == nil {
		t.Errorf("the log of a pod that does not exist is %q", text)
	}
}
