package provision

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/matriarchdb/matriarch/internal/database"
)

// untilHealthy is the time between two probes of a server that is not (yet) well.
const untilHealthy = 500 * time.Millisecond

// probers asks servers whether they serve, each in a goroutine of its own beside the work queue, so that a server that
// hangs holds nobody up. Only a changed answer wakes the reconciler.
type probers struct {
	mu      sync.Mutex
	running map[types.NamespacedName]*prober
	wake    func(types.NamespacedName)
	stopped bool
}

func newProbers() *probers { return &probers{running: map[types.NamespacedName]*prober{}} }

// Start ends the asking when the manager stops.
func (ps *probers) Start(ctx context.Context) error {
	<-ctx.Done()
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.stopped = true
	for name, p := range ps.running {
		p.cancel()
		delete(ps.running, name)
	}
	return nil
}

// source feeds the queue with the instances whose health changed.
func (ps *probers) source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		ps.wake = func(name types.NamespacedName) { queue.Add(reconcile.Request{NamespacedName: name}) }
		return nil
	})
}

// question is what a prober asks: the kind's probe over what was gathered last.
type question struct {
	ask   func(context.Context) database.Health
	check database.HealthCheck
}

// ask sets what is asked about an instance from now on, and starts to ask if nobody did. It returns the last answer,
// nil if there is none yet. impatient asks at once instead of when the period is over.
func (ps *probers) ask(name types.NamespacedName, q question, impatient bool) *database.Health {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, found := ps.running[name]
	if !found && ps.stopped {
		return nil
	}
	if !found {
		ctx, cancel := context.WithCancel(context.Background())
		p = &prober{question: q, cancel: cancel, hurry: make(chan struct{}, 1)}
		ps.running[name] = p
		go p.run(ctx, func() { ps.changed(name) })
		return nil
	}
	return p.update(q, impatient)
}

// last returns the last answer, nil if there is none.
func (ps *probers) last(name types.NamespacedName) *database.Health {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p, found := ps.running[name]; found {
		return p.last()
	}
	return nil
}

// stop ends the asking.
func (ps *probers) stop(name types.NamespacedName) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p, found := ps.running[name]; found {
		p.cancel()
		delete(ps.running, name)
	}
}

func (ps *probers) changed(name types.NamespacedName) {
	ps.mu.Lock()
	wake := ps.wake
	ps.mu.Unlock()
	if wake != nil {
		wake(name)
	}
}

// prober asks one server.
type prober struct {
	cancel context.CancelFunc
	hurry  chan struct{}

	mu       sync.Mutex
	question question
	answer   *database.Health
	failures int32 // in a row
}

func (p *prober) update(q question, impatient bool) *database.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.question = q
	if impatient {
		select {
		case p.hurry <- struct{}{}:
		default:
		}
	}
	return p.answer
}

func (p *prober) last() *database.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answer
}

func (p *prober) run(ctx context.Context, changed func()) {
	for {
		p.mu.Lock()
		q := p.question
		p.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, q.check.Timeout)
		health := q.ask(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if p.judge(health, q.check.FailureThreshold) {
			changed()
		}
		pause := q.check.Period
		if !health.Healthy() {
			pause = min(pause, untilHealthy)
		}
		select {
		case <-ctx.Done():
			return
		case <-p.hurry:
		case <-time.After(pause):
		}
	}
}

// judge takes an answer in and tells whether it changes what is known. A healthy server becomes unhealthy only after
// as many failures in a row as the threshold says. While a failure goes on, its first message stays: later ones differ
// in what does not matter, such as port numbers.
func (p *prober) judge(health database.Health, threshold int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if health.Healthy() {
		p.failures = 0
	} else {
		p.failures++
		if p.answer != nil && p.answer.Healthy() && p.failures < threshold {
			return false
		}
	}
	same := p.answer != nil && p.answer.Accepting == health.Accepting && p.answer.Writable == health.Writable &&
		p.answer.Fingerprint == health.Fingerprint
	if same {
		return false
	}
	p.answer = &health
	return true
}
