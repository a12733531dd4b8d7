package ops

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// Reconciler carries out the operation requests for one kind of database.
type Reconciler struct {
	kind   database.Kind
	info   database.Info
	client client.Client
	// reader reads from the API server. What the engine decides on is never older than what it did.
	reader client.Reader
	logs   Logs
	// present asks a member for the certificate that it shows.
	present Present
	memory  *kube.Applier
	now     func() time.Time

	mu sync.Mutex
	// written is when this process last wrote the status of a request, zero for one that it has only seen. It saves
	// writes; nothing depends on it.
	written map[types.UID]time.Time
	// cut is how many sessions went with a pod, by its UID.
	cut map[types.UID]int32
	// probes of the Services; nil for none.
	probes *watcher
}

// NewReconciler returns the reconciler for one kind. c writes, and reader must not be a cache.
func NewReconciler(kind database.Kind, c client.Client, reader client.Reader, opts Options) *Reconciler {
	opts = opts.withDefaults()
	return &Reconciler{
		kind: kind, info: kind.Info(), client: c, reader: reader, logs: opts.Logs, present: opts.Present, memory: opts.Memory, now: opts.Now,
		written: map[types.UID]time.Time{}, cut: map[types.UID]int32{}, probes: opts.probes(),
	}
}

// Reconcile takes one request as far as it goes at the moment.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	run, err := r.load(ctx, req.NamespacedName)
	if err != nil {
		return kube.Failed(err).Result()
	}
	if run == nil {
		r.stopProbes(req.NamespacedName)
		return r.releaseAbandoned(ctx, req.NamespacedName).Result()
	}
	return run.reconcile(ctx).Result()
}

func (run *run) reconcile(ctx context.Context) kube.Outcome {
	held := slices.Contains(run.request.GetFinalizers(), finalizer)
	switch phase := run.status().Phase; {
	case phase.Finished():
		return run.tidy(ctx)
	case phase == opsv1alpha1.OpsRequestPhaseProgressing:
		run.probe()
		run.r.once(run.request.GetUID(), func() { run.tellAgain(ctx) })
		return run.proceed(ctx)
	case run.request.GetDeletionTimestamp() != nil && held:
		return run.cancelPending(ctx)
	case run.request.GetDeletionTimestamp() != nil:
		return kube.Done() // it held nothing
	}
	return run.begin(ctx)
}

// once calls f the first time that this process sees a request which it has not written itself.
func (r *Reconciler) once(uid types.UID, f func()) {
	r.mu.Lock()
	at, known := r.written[uid]
	r.written[uid] = at
	r.mu.Unlock()
	if !known {
		f()
	}
}

func (r *Reconciler) wrote(uid types.UID, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written[uid] = at
}

func (r *Reconciler) wroteAt(uid types.UID) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written[uid]
}

func (r *Reconciler) forget(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.written, uid)
}

// newRequest returns an empty request of the kind's.
func (r *Reconciler) newRequest() (opsv1alpha1.OpsRequest, error) {
	obj, err := r.client.Scheme().New(opsv1alpha1.GroupVersion.WithKind(r.info.OpsKind))
	if err != nil {
		return nil, fmt.Errorf("make an empty %s: %w", r.info.OpsKind, err)
	}
	request, ok := obj.(opsv1alpha1.OpsRequest)
	if !ok {
		return nil, fmt.Errorf("%s is no operation request", r.info.OpsKind)
	}
	return request, nil
}

// requestsFor lists the requests for one database.
func (r *Reconciler) requestsFor(ctx context.Context, from client.Reader, db client.ObjectKey) ([]opsv1alpha1.OpsRequest, error) {
	list, err := newList(r.client.Scheme(), opsv1alpha1.GroupVersion.WithKind(r.info.OpsKind+"List"))
	if err != nil {
		return nil, err
	}
	if err := from.List(ctx, list, client.InNamespace(db.Namespace)); err != nil {
		return nil, fmt.Errorf("list %s in namespace %s: %w", r.info.OpsKind, db.Namespace, err)
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	var requests []opsv1alpha1.OpsRequest
	for _, item := range items {
		if request, ok := item.(opsv1alpha1.OpsRequest); ok && request.Base().DatabaseRef.Name == db.Name {
			requests = append(requests, request)
		}
	}
	return requests, nil
}
