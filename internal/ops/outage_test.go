package ops

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

func TestAnOutageIsTheLongestTimeWithoutASuccess(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	type probe struct {
		ms int
		ok bool
	}
	for name, c := range map[string]struct {
		probes   []probe
		longest  time.Duration
		failures int32
		known    bool
	}{
		"no failure is no outage":             {[]probe{{0, true}, {250, true}, {900, true}}, 0, 0, true},
		"from the last success to the next":   {[]probe{{0, true}, {250, false}, {500, false}, {750, true}}, 750 * time.Millisecond, 2, true},
		"the longest of several":              {[]probe{{0, true}, {250, false}, {500, true}, {600, false}, {1200, true}}, 700 * time.Millisecond, 2, true},
		"one that lasts counts so far":        {[]probe{{0, true}, {250, false}, {2250, false}}, 2250 * time.Millisecond, 2, true},
		"nothing ever succeeded: not known":   {[]probe{{0, false}, {250, false}}, 0, 0, false},
		"what failed before is nobody's gap":  {[]probe{{0, false}, {250, true}, {500, true}}, 0, 0, true},
		"no probe at all says nothing either": {nil, 0, 0, false},
	} {
		var o outage
		for _, p := range c.probes {
			o.note(p.ok, at(p.ms))
		}
		if longest, failures, known := o.seen(); longest != c.longest || failures != c.failures || known != c.known {
			t.Errorf("%s: got %s, %d, %v", name, longest, failures, known)
		}
	}
}

func TestProbesRunOncePerRequestAndEndWithIt(t *testing.T) {
	t.Parallel()
	w := newWatcher()
	key := types.NamespacedName{Namespace: "ns", Name: "op"}
	var before opsv1alpha1.Disruption
	var probes, open atomic.Int32
	probe := func(ctx context.Context) bool {
		if open.Add(1) > 1 {
			t.Error("two probes at once")
		}
		defer open.Add(-1)
		return probes.Add(1)%2 == 0
	}
	one := w.watch(key, "1", probe, before)
	if w.watch(key, "1", probe, before) != one || w.of(key, "1") != one || w.of(key, "2") != nil {
		t.Error("a request is probed for twice, or not known")
	}
	testenv.Eventually(t, func(context.Context) error {
		if _, _, known := one.seen(); !known {
			return context.DeadlineExceeded
		}
		return nil
	})
	again := w.watch(key, "2", func(context.Context) bool { return true }, before) // a namesake
	<-one.done
	w.end(key)
	<-again.done
	if w.of(key, "2") != nil {
		t.Error("it is still known")
	}
	last := w.watch(key, "3", func(ctx context.Context) bool { <-ctx.Done(); return false }, before)
	w.close()
	<-last.done
	<-w.watch(key, "4", func(context.Context) bool { return true }, before).done // nothing begins any more
}
