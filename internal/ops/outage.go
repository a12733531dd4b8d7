package ops

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

// probeEvery is how often a new connection is opened while an operation runs; probeWithin bounds one.
const (
	probeEvery  = 250 * time.Millisecond
	probeWithin = 2 * time.Second
)

// outage is what the probes of one operation saw. It knows only its own life: an operator that takes over begins anew.
type outage struct {
	mu sync.Mutex
	// good is when a connection last succeeded; zero until the first one did.
	good     time.Time
	failing  bool
	longest  time.Duration
	failures int32
}

// note takes the outcome of one probe that ended at the given time. What fails before anything succeeded says nothing
// about the operation: perhaps the operator cannot reach the Service at all.
func (o *outage) note(ok bool, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.good.IsZero() && !ok {
		return
	}
	if o.failing || !ok {
		o.longest = max(o.longest, at.Sub(o.good))
	}
	o.failing = !ok
	if ok {
		o.good = at
	} else {
		o.failures++
	}
}

// seen returns the longest time without a success, how many probes failed, and whether anything can be said at all.
func (o *outage) seen() (longest time.Duration, failures int32, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.longest, o.failures, !o.good.IsZero()
}

// watcher runs the probes of the operations under way, one goroutine each.
type watcher struct {
	mu      sync.Mutex
	running map[types.NamespacedName]*watch
	closed  bool
}

type watch struct {
	outage
	uid types.UID
	// base is what operators before this one have seen.
	base opsv1alpha1.Disruption
	stop context.CancelFunc
	done chan struct{}
}

func newWatcher() *watcher { return &watcher{running: map[types.NamespacedName]*watch{}} }

// watch begins to probe for a request, unless that is under way, and returns what is seen. base is what was seen before.
func (w *watcher) watch(
	key types.NamespacedName, uid types.UID, probe func(context.Context) bool, base opsv1alpha1.Disruption,
) *watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.running[key]
	if one != nil && one.uid == uid {
		return one
	}
	if one != nil {
		one.stop()
	}
	ctx, stop := context.WithCancel(context.Background())
	one = &watch{uid: uid, base: base, stop: stop, done: make(chan struct{})}
	if w.closed {
		stop()
	}
	w.running[key] = one
	go one.run(ctx, probe)
	return one
}

// of returns what is seen for a request, nil if nobody probes.
func (w *watcher) of(key types.NamespacedName, uid types.UID) *watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one := w.running[key]; one != nil && one.uid == uid {
		return one
	}
	return nil
}

// end stops probing for a request.
func (w *watcher) end(key types.NamespacedName) {
	w.mu.Lock()
	one := w.running[key]
	delete(w.running, key)
	w.mu.Unlock()
	if one != nil {
		one.stop()
	}
}

// close stops all probes, for good, and waits for their end.
func (w *watcher) close() {
	w.mu.Lock()
	w.closed = true
	all := w.running
	w.running = map[types.NamespacedName]*watch{}
	w.mu.Unlock()
	for _, one := range all {
		one.stop()
	}
	for _, one := range all {
		<-one.done
	}
}

// run probes until ctx ends. A probe that takes long delays the next one; there is never more than one connection.
func (w *watch) run(ctx context.Context, probe func(context.Context) bool) {
	defer close(w.done)
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, probeWithin)
		ok := probe(limited)
		cancel()
		if ctx.Err() != nil {
			return // cut short: no verdict
		}
		w.note(ok, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
