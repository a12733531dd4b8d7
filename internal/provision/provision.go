// Package provision turns a database object into the objects that make it run, and reports what became of it: one
// reconciler for all kinds, one file per phase. It knows kinds only through the seam in internal/database.
//
// A pass reads what exists, lets the kind decide and applies the result; it remembers nothing that it could not find
// again, so it may die between any two writes and start over. It waits by watching: for objects through the Follower,
// for the server through a Prober that runs beside the queue. An idle instance costs no request.
package provision

import (
	"context"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Reconciler provisions the instances of one kind.
type Reconciler struct {
	kind     database.Kind
	client   client.Client // reads from the cache
	fresh    client.Reader // reads from the API server
	applier  *kube.Applier
	follower *kube.Follower
	probers  *probers
	cluster  *cluster
	events   events.EventRecorder
	now      func() time.Time

	networkPolicies   bool
	operatorNamespace string
}

// Options of Setup.
type Options struct {
	Applier  *kube.Applier
	Follower *kube.Follower
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// NetworkPolicies has every namespace with instances get network policies, which let the operator's pods in by
	// OperatorNamespace. Without it, those that were made before are removed.
	NetworkPolicies   bool
	OperatorNamespace string
}

// workers is how many instances of a kind are reconciled at the same time.
const workers = 4

// Delays between attempts that failed.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// Setup adds one controller per kind to the manager.
func Setup(mgr ctrl.Manager, kinds []database.Kind, opts Options) error {
	if err := mgr.Add(opts.Follower); err != nil {
		return fmt.Errorf("set up the provisioner: %w", err)
	}
	for _, kind := range kinds {
		if err := setupKind(mgr, kind, opts); err != nil {
			return fmt.Errorf("set up the provisioner of %s: %w", kind.Info().Kind, err)
		}
	}
	return nil
}

func setupKind(mgr ctrl.Manager, kind database.Kind, opts Options) error {
	r := &Reconciler{
		kind: kind, client: mgr.GetClient(), fresh: mgr.GetAPIReader(),
		applier: opts.Applier, follower: opts.Follower,
		probers: newProbers(), events: mgr.GetEventRecorder("matriarch-provisioner"),
		now: opts.Now, networkPolicies: opts.NetworkPolicies, operatorNamespace: opts.OperatorNamespace,
	}
	if r.now == nil {
		r.now = time.Now
	}
	r.cluster = newCluster(r.client, r.now)
	b := ctrl.NewControllerManagedBy(mgr).
		Named(r.controllerName()).
		For(kind.New().Object(), builder.WithPredicates(matters())).
		WatchesRawSource(opts.Follower.Source(r.controllerName())).
		WatchesRawSource(r.probers.source()).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		})
	for _, child := range children() {
		b = b.Watches(child, handler.EnqueueRequestsFromMapFunc(ownerByLabels(kind.Info().Name)))
	}
	b = b.Watches(&networkingv1.NetworkPolicy{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), kind.New().Object()))
	if err := mgr.Add(r.probers); err != nil {
		return err
	}
	return b.Complete(r)
}

func (r *Reconciler) controllerName() string { return "provision-" + r.kind.Info().Kind }

// Reconcile brings one instance closer to its spec, phase by phase, and writes its status once at the end.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	s, err := r.load(ctx, req)
	if s == nil {
		return ctrl.Result{}, err
	}
	if s.deleting() {
		return r.finalize(ctx, s).Result()
	}
	outcome := run(ctx, s, r.changing(s)...).Sooner(run(ctx, s, r.observe, r.checkHealth, r.renew))
	return outcome.Sooner(run(ctx, s, r.writeStatus, r.markInitialized)).Result()
}

// phase is one part of a pass. It returns false when the phases after it have to wait for another pass.
type phase func(context.Context, *scope) (bool, kube.Outcome)

// changing lists the phases that change things, in order. Of a paused instance only the status is written: an operation
// has the rest to itself.
func (r *Reconciler) changing(s *scope) []phase {
	if s.paused() {
		return []phase{r.gather, r.build}
	}
	return []phase{r.start, r.ensureFinalizer, r.halt, r.ensureAuth, r.gather, r.build, r.apply}
}

// run runs phases until one of them fails or has to wait.
func run(ctx context.Context, s *scope, phases ...phase) kube.Outcome {
	var all kube.Outcome
	for _, next := range phases {
		goOn, o := next(ctx, s)
		all = all.Sooner(o)
		if !goOn || !o.OK() {
			break
		}
	}
	return all
}

// load reads the instance. It returns nil when there is nothing to do: the instance is gone.
func (r *Reconciler) load(ctx context.Context, req ctrl.Request) (*scope, error) {
	in := r.kind.New()
	owner := kube.Owner{Controller: r.controllerName(), NamespacedName: req.NamespacedName}
	if err := r.client.Get(ctx, req.NamespacedName, in.Object()); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.forget(owner)
			return nil, nil
		}
		return nil, fmt.Errorf("read %s %s: %w", r.kind.Info().Kind, req.NamespacedName, err)
	}
	return r.newScope(in, owner), nil
}

// forget ends everything that runs for an instance.
func (r *Reconciler) forget(owner kube.Owner) {
	r.follower.Forget(owner)
	r.probers.stop(owner.NamespacedName)
}

// finalizer is the mark that keeps an instance until it is cleaned up by its policy.
const finalizer = naming.Finalizer
