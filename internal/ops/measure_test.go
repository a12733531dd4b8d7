package ops

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// probedKind is the fake kind with a Service that answers or does not.
type probedKind struct {
	fakeKind
	refuses *atomic.Bool
}

func (k probedKind) Probe(context.Context, database.Gathered) database.Health {
	return database.Health{Accepting: !k.refuses.Load()}
}

// choosyKind is the fake kind with servers that let in only those who come as one spec tells them to.
type choosyKind struct {
	fakeKind
	sslMode *atomic.Value
}

func (k choosyKind) Probe(_ context.Context, from database.Gathered) database.Health {
	return database.Health{Accepting: from.(fakeGathered).pool.Spec.SSLMode == k.sslMode.Load()}
}

func TestAChangeOfHowClientsConnectIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	k := choosyKind{sslMode: &atomic.Value{}}
	spec := func(mode sharedv1.SSLMode) database.Instance {
		pool := &kubedbv1alpha2.Pgpool{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "db"}}
		pool.Spec.SSLMode = mode
		return fakeInstance{pool}
	}
	probe := NewReconciler(k, w.client, w.client, Options{Now: w.now}).prober(spec("disable"), spec("require"))
	for _, c := range []struct {
		mode sharedv1.SSLMode
		want bool
	}{{"disable", true}, {"require", true}, {"verify-full", false}, {"require", true}, {"disable", true}} {
		k.sslMode.Store(c.mode)
		if got := probe(t.Context()); got != c.want {
			t.Errorf("while servers ask for %s a connection succeeds: %v, want %v", c.mode, got, c.want)
		}
	}
}

func TestSessionsAreCountedOnlyIfEveryPodHasSaidSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cuts map[string]int
		want *int32
	}{
		"all have":             {map[string]int{"db-0": 3, "db-1": 1}, ptr.To[int32](4)},
		"none was cut":         {map[string]int{"db-0": 0, "db-1": 0}, ptr.To[int32](0)},
		"one has said nothing": {map[string]int{"db-0": 3}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			w.cuts = c.cuts
			w.ask("op", restart())
			r := w.engine(w.client)
			request := w.drive(r, "op")
			w.wantPhase(request, successful)
			if got := request.Status.Disruption.SessionsCut; !ptr.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if len(r.cut) > 0 {
				t.Errorf("the engine remembers pods of an operation that is over: %v", r.cut)
			}
		})
	}
}

func TestAReloadCutsNoSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("op", reconfigure("a=1\n"))
	request := w.drive(w.engine(w.client), "op")
	if d := request.Status.Disruption; d.SessionsCut == nil || *d.SessionsCut != 0 || d.LongestOutage != nil || d.ProbeFailures != nil {
		t.Errorf("without probes and restarts the measure is %+v", d)
	}
}

// The pod is gone before the engine looks; only the watch has seen its end.
func TestTheLastWordsOfAPodAreHeardThoughItIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.cuts, w.goAtOnce = map[string]int{"db-0": 5}, true
	w.manager()
	w.ask("op", restart())
	testenv.Eventually(t, w.over("op"))
	if d := w.request("op").Status.Disruption; d.SessionsCut == nil || *d.SessionsCut != 5 {
		t.Errorf("measured %+v", d)
	}
}

func TestTheGapOfNewConnectionsIsMeasuredAcrossOperators(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2) // so that there is a pod left for the second operator
	k := probedKind{refuses: &atomic.Bool{}}
	engine := func() *Reconciler {
		r := NewReconciler(k, w.client, w.client, Options{Now: w.now})
		t.Cleanup(r.probes.close)
		return r
	}
	spec := restart()
	w.ask("op", spec)
	r := engine()
	for w.request("op").Status.Phase != opsv1alpha1.OpsRequestPhaseProgressing {
		w.step(r, "op")
	}
	seen := func(r *Reconciler, what string, enough func(failures int32, known bool) bool) {
		t.Helper()
		testenv.Eventually(t, func(context.Context) error {
			request := w.request("op")
			one := r.probes.of(client.ObjectKeyFromObject(request), request.UID)
			if one == nil {
				return errors.New("nobody probes")
			}
			if _, failures, known := one.seen(); !enough(failures, known) {
				return errors.New(what)
			}
			return nil
		})
	}
	seen(r, "no connection has succeeded", func(_ int32, known bool) bool { return known })
	k.refuses.Store(true)
	seen(r, "fewer than two failures", func(failures int32, _ bool) bool { return failures >= 2 })
	w.tick()
	w.step(r, "op") // something happens, and what was seen is written down with it
	r.probes.close()
	before := w.request("op").Status.Disruption
	if before == nil || ptr.Deref(before.ProbeFailures, 0) < 2 || before.LongestOutage == nil || before.LongestOutage.Duration < probeEvery {
		t.Fatalf("written down is %+v", before)
	}
	k.refuses.Store(false)
	next := engine()
	w.step(next, "op")
	seen(next, "no connection has succeeded", func(_ int32, known bool) bool { return known })
	request := w.drive(next, "op")
	w.wantPhase(request, successful)
	after := request.Status.Disruption
	if *after.ProbeFailures != *before.ProbeFailures || after.LongestOutage.Duration != before.LongestOutage.Duration {
		t.Errorf("the second operator knows less: %+v, %+v", before, after)
	}
	if len(next.probes.running) > 0 {
		t.Error("it probes although the operation is over")
	}
}
