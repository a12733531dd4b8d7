package petset

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// Reconciler brings the pods and claims of a PetSet in line with its spec.
type Reconciler struct {
	// Client reads from a cache that holds what was written before, and writes to the API server.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Events tells people what happened.
	Events events.EventRecorder
	// Now is the clock.
	Now func() time.Time
}

// retryAfter is when a sync that met a newer state than it knew is tried again, if the watch that brings this state does
// not start it earlier.
const retryAfter = time.Second

// errOutdated means that the decision was made on a state that is no longer the API server's.
var errOutdated = errors.New("changed meanwhile")

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	set := &api.PetSet{}
	if err := r.Client.Get(ctx, req.NamespacedName, set); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if set.DeletionTimestamp != nil {
		return reconcile.Result{}, nil // the garbage collector takes the pods away, or leaves them as orphans
	}
	recheck, err := r.sync(ctx, set)
	if outdated(err) {
		log.FromContext(ctx).V(1).Info("state changed meanwhile, will look again", "cause", err.Error())
		return reconcile.Result{RequeueAfter: retryAfter}, nil
	}
	return reconcile.Result{RequeueAfter: recheck}, err
}

// sync does one round: gather, decide, report, write. It returns when to look again although nothing changed by then. What
// the status names beside numbers of pods stands there before a pod is touched. The numbers change again with what is
// about to be written, which brings another round, and wait for that one.
func (r *Reconciler) sync(ctx context.Context, set *api.PetSet) (recheck time.Duration, err error) {
	if problems := Problems(set); len(problems) > 0 {
		return 0, r.reportInvalid(ctx, set, problems)
	}
	fence := &fence{live: r.Live, set: set}
	own, err := r.gather(ctx, fence)
	if err != nil {
		return 0, err
	}
	templates, err := r.revisions(ctx, fence, own.history)
	if err != nil {
		return 0, err
	}
	placement, placeable, err := r.placement(ctx, set)
	if err != nil {
		return 0, err
	}
	observed := Observed{
		Set: set, Pods: own.pods, Claims: own.claims,
		Current: templates.current, Update: templates.update,
		Placement: placement, Now: r.Now(),
	}
	plan := Decide(observed)
	if plan.Waiting != "" {
		log.FromContext(ctx).V(1).Info("waiting", "for", plan.Waiting)
	}
	status := statusOf(observed, templates.collisions, placeable...)
	if plan.empty() || !sameButCounts(set.Status, status) {
		if err := r.report(ctx, set, status); err != nil {
			return 0, err
		}
	}
	if err := r.write(ctx, fence, plan); err != nil {
		return 0, errors.Join(err, r.reportFailure(ctx, set, status, err))
	}
	if err := r.reportSuccess(ctx, set); err != nil {
		return 0, err
	}
	return plan.RecheckIn, r.truncate(ctx, set, own, templates)
}

// fence holds the set that a sync was started for, and makes sure, once per sync and before its first write, that this is
// still what the set is.
type fence struct {
	live   client.Reader
	set    *api.PetSet
	passed bool
}

// pass returns errOutdated if the set was deleted, replaced or edited since it was read from the cache.
func (f *fence) pass(ctx context.Context) error {
	if f.passed {
		return nil
	}
	now := &api.PetSet{}
	err := f.live.Get(ctx, client.ObjectKeyFromObject(f.set), now)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("PetSet %s/%s is gone: %w", f.set.Namespace, f.set.Name, errOutdated)
	case err != nil:
		return fmt.Errorf("read PetSet %s/%s before changing its pods: %w", f.set.Namespace, f.set.Name, err)
	case now.UID != f.set.UID || now.Generation != f.set.Generation || now.DeletionTimestamp != nil:
		return fmt.Errorf("PetSet %s/%s: %w", f.set.Namespace, f.set.Name, errOutdated)
	}
	f.passed = true
	return nil
}

// outdated tells whether an error only means that a newer state is under way to the cache; for joined errors, whether all do.
func outdated(err error) bool {
	if err == nil {
		return false
	}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		for _, e := range joined.Unwrap() {
			if !outdated(e) {
				return false
			}
		}
		return true
	}
	return errors.Is(err, errOutdated) || apierrors.IsConflict(err)
}
