package ops

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// What an operation costs is measured in memory and written down only together with something else.

// hear remembers the last thing that a pod's agent says before the pod is gone: how many sessions its server ended. A pod
// that has vanished can no longer be read, and the last event of the watch is all that is left of it.
func (r *Reconciler) hear(pod *corev1.Pod) {
	said, err := report.Parse(pod.Annotations)
	if err != nil || said.SessionsCut == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut[pod.UID] = int32(*said.SessionsCut) //nolint:gosec // at most the number of sessions
}

// noteSessions writes into the journal what is known of the sessions that went with the pods.
func (run *run) noteSessions() {
	j := run.status().Journal
	if j == nil {
		return
	}
	run.r.mu.Lock()
	defer run.r.mu.Unlock()
	for i, t := range j.Targets {
		if n, known := run.r.cut[t.UID]; known && t.SessionsCut == nil {
			j.Targets[i].SessionsCut = &n
		}
	}
}

// forgetSessions drops what is written down by now.
func (run *run) forgetSessions() {
	j := run.status().Journal
	if j == nil {
		return
	}
	run.r.mu.Lock()
	defer run.r.mu.Unlock()
	for _, t := range slices.Concat(j.Targets, j.FormerTries) {
		delete(run.r.cut, t.UID)
	}
}

// probe begins to open a new connection through the Service every now and then, unless that is under way.
func (run *run) probe() {
	if run.database == nil || run.r.probes == nil {
		return
	}
	base := opsv1alpha1.Disruption{}
	if d := run.status().Disruption; d != nil {
		base = *d
	}
	specs := []database.Instance{run.database}
	if j := run.status().Journal; j != nil && len(step.PartNames(j.Before, j.After)) > 0 {
		if after, err := run.scope().After(); err == nil {
			specs = append(specs, after)
		}
	}
	run.r.probes.watch(client.ObjectKeyFromObject(run.request), run.request.GetUID(), run.r.prober(specs...), base)
}

// gatherAgain is how soon what a probe needs is read anew while probes fail: a password may have changed.
const gatherAgain = 2 * time.Second

// prober returns a function that connects as clients would: as one of the specs tells them to, that before the operation
// or that after it. Which of them holds for the servers changes on the way, and nobody is cut off by that.
func (r *Reconciler) prober(specs ...database.Instance) func(context.Context) bool {
	clients := make([]*probingClient, 0, len(specs))
	for _, spec := range specs {
		clients = append(clients, &probingClient{r: r, in: withoutWriteCheck(r.kind, spec)})
	}
	current := 0
	return func(ctx context.Context) bool {
		for range clients {
			if clients[current].connects(ctx) {
				return true
			}
			current = (current + 1) % len(clients)
		}
		return false
	}
}

// probingClient connects as one spec tells to.
type probingClient struct {
	r  *Reconciler
	in database.Instance
	// gathered is what it takes to connect, nil before the first attempt. at is when it was of use last.
	gathered database.Gathered
	at       time.Time
}

// connects writes nothing, and reads from the API server only what it needs to log in.
func (c *probingClient) connects(ctx context.Context) bool {
	if c.gathered == nil {
		g, err := c.r.kind.Gather(ctx, c.r.reader, c.in)
		if err != nil {
			return false
		}
		c.gathered = g
	}
	ok := c.r.kind.Probe(ctx, c.gathered).Accepting
	switch {
	case ok:
		c.at = time.Now()
	case time.Since(c.at) > gatherAgain:
		c.gathered, c.at = nil, time.Now()
	}
	return ok
}

// withoutWriteCheck returns a copy of the database whose probe only connects and reads. Every kind has the field.
func withoutWriteCheck(k database.Kind, db database.Instance) database.Instance {
	in := db.DeepCopy()
	change := []byte(`{"spec":{"healthChecker":{"disableWriteCheck":true}}}`)
	_ = json.Unmarshal(change, in.Object()) // what it cannot set is checked as usual
	k.Default(in)
	return in
}

// noteProbes writes down what the probes have seen so far.
func (run *run) noteProbes() {
	if run.r.probes == nil {
		return
	}
	one := run.r.probes.of(client.ObjectKeyFromObject(run.request), run.request.GetUID())
	if one == nil {
		return
	}
	longest, failures, known := one.seen()
	d := run.disruption()
	if before := one.base.LongestOutage; before != nil {
		longest, known = max(longest, before.Duration), true
	}
	if !known {
		return
	}
	failures += ptr.Deref(one.base.ProbeFailures, 0)
	d.LongestOutage = &metav1.Duration{Duration: longest.Round(time.Millisecond)}
	d.ProbeFailures = &failures
}

func (run *run) disruption() *opsv1alpha1.Disruption {
	if run.status().Disruption == nil {
		run.status().Disruption = &opsv1alpha1.Disruption{}
	}
	return run.status().Disruption
}

// stopProbes ends the probing for a request.
func (r *Reconciler) stopProbes(key types.NamespacedName) {
	if r.probes != nil {
		r.probes.end(key)
	}
}

// measure writes down what the operation cost.
func (run *run) measure() {
	j := run.status().Journal
	if j == nil || j.Started == nil {
		return
	}
	run.noteProbes()
	run.noteSessions()
	d := run.disruption()
	d.Duration = metav1.Duration{Duration: run.now.Sub(j.Started.Time).Round(time.Second)}
	gone := run.gonePods()
	d.PodsRestarted = int32(len(gone)) //nolint:gosec // at most a few times the number of pods
	d.SessionsCut = ptr.To[int32](0)
	for _, t := range gone {
		if t.SessionsCut == nil {
			d.SessionsCut = nil // of one pod nothing is known, so the sum is not
			break
		}
		*d.SessionsCut += *t.SessionsCut
	}
}

func (run *run) stopProbesOf() { run.r.stopProbes(client.ObjectKeyFromObject(run.request)) }

// gonePods are the targets that were replaced, by all attempts.
func (run *run) gonePods() []opsv1alpha1.Target {
	j := run.status().Journal
	gone := slices.Clone(j.FormerTries)
	for _, t := range j.Targets {
		evicted := run.texts.PodEvicted
		if t.Rollback {
			evicted = []string{step.TypeRestorePod}
		}
		if len(evicted) > 0 && kube.ConditionTrue(run.status().Conditions, step.Part(evicted[0], t.Name)) {
			gone = append(gone, t)
		}
	}
	return gone
}
