package petset

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// Options tune the controller.
type Options struct {
	// Workers is how many sets are synced at a time. Default: 4.
	Workers int
}

// syncTimeout bounds one sync, which only waits for the API server and for the cache to catch up with it.
const syncTimeout = time.Minute

// The backoff of a failing sync: short at first, since most failures are races, and soon enough at last for a person who
// has just raised a quota.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// CacheOptions restricts a manager's cache, for the kinds that this controller makes, to what it has made or adopted, without
// the record of who manages which field, which nobody reads. The operator needs no other object of these kinds.
func CacheOptions() map[client.Object]cache.ByObject {
	made, err := labels.NewRequirement(api.SetLabel, selection.Exists, nil)
	if err != nil {
		panic("the label key is no label key: " + err.Error()) // a constant
	}
	ours := cache.ByObject{Label: labels.NewSelector().Add(*made), Transform: cache.TransformStripManagedFields()}
	return map[client.Object]cache.ByObject{
		&corev1.Pod{}:                   ours,
		&corev1.PersistentVolumeClaim{}: ours,
		&appsv1.ControllerRevision{}:    ours,
	}
}

// SetupWithManager adds the controller to a manager whose cache is restricted by CacheOptions.
func SetupWithManager(mgr ctrl.Manager, opts Options) error {
	if opts.Workers == 0 {
		opts.Workers = 4
	}
	// A client of its own: waiting for written objects to appear in the cache makes an informer for every kind that is
	// written, which only this controller can afford, since it writes only kinds that it watches.
	c, err := client.New(mgr.GetConfig(), client.Options{
		HTTPClient: mgr.GetHTTPClient(),
		Scheme:     mgr.GetScheme(),
		Mapper:     mgr.GetRESTMapper(),
		Cache:      &client.CacheOptions{Reader: mgr.GetCache(), EnableReadYourWritesConsistency: ptr.To(true)},
	})
	if err != nil {
		return fmt.Errorf("make the PetSet controller's client: %w", err)
	}
	r := &Reconciler{
		Client: c,
		Live:   mgr.GetAPIReader(),
		Events: mgr.GetEventRecorder("matriarch-petset"),
		Now:    time.Now,
	}
	err = ctrl.NewControllerManagedBy(mgr).
		Named("petset").
		For(&api.PetSet{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Pod{}, setOfLabel(), builder.WithPredicates(podChanged())).
		Watches(&corev1.PersistentVolumeClaim{}, setOfLabel(), builder.WithPredicates(ownershipChanged())).
		Watches(&appsv1.ControllerRevision{}, setOfLabel(), builder.WithPredicates(ownershipChanged())).
		Watches(&api.PlacementPolicy{}, setsOfPolicy(mgr.GetClient())).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: opts.Workers,
			ReconciliationTimeout:   syncTimeout,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the PetSet controller: %w", err)
	}
	return nil
}

// setOfLabel syncs the set that an object's label names, whether or not the set controls the object: orphans matter too.
func setOfLabel() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []reconcile.Request {
		name := obj.GetLabels()[api.SetLabel]
		if name == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: obj.GetNamespace(), Name: name}}}
	})
}

// setsOfPolicy syncs the sets that name a policy: they may have waited for it.
func setsOfPolicy(c client.Reader) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, policy client.Object) (out []reconcile.Request) {
		var sets api.PetSetList
		if err := c.List(ctx, &sets); err != nil {
			log.FromContext(ctx).Error(err, "cannot list PetSets for a changed PlacementPolicy", "policy", policy.GetName())
			return nil
		}
		for i := range sets.Items {
			if ref := sets.Items[i].Spec.PodPlacementPolicy; ref != nil && ref.Name == policy.GetName() {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&sets.Items[i])})
			}
		}
		return out
	})
}

// podChanged lets through what can change a decision about a pod. Agents report in annotations all the time.
func podChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		was, isPod := e.ObjectOld.(*corev1.Pod)
		now, isPodNow := e.ObjectNew.(*corev1.Pod)
		if !isPod || !isPodNow {
			return true
		}
		sinceWas, readyWas := readySince(was)
		since, isReady := readySince(now)
		return ownershipDiffers(was, now) || was.Status.Phase != now.Status.Phase ||
			readyWas != isReady || !sinceWas.Equal(since)
	}}
}

// ownershipChanged lets through deletions and changes of labels and owners.
func ownershipChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return ownershipDiffers(e.ObjectOld, e.ObjectNew) },
	}
}

func ownershipDiffers(was, now client.Object) bool {
	return was.GetDeletionTimestamp().IsZero() != now.GetDeletionTimestamp().IsZero() ||
		!apiequality.Semantic.DeepEqual(was.GetLabels(), now.GetLabels()) ||
		!apiequality.Semantic.DeepEqual(was.GetOwnerReferences(), now.GetOwnerReferences())
}
