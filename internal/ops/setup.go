package ops

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
)

// Present asks the server at an address for the certificate that it shows.
type Present func(ctx context.Context, host string, port int32) (tls.Presented, error)

// Options tune the engine. The zero value is ready for use.
type Options struct {
	// Logs reads pods' logs for messages about failures. Default: from the API server.
	Logs Logs
	// Present asks a server for the certificate that it shows. Default: a handshake.
	Present Present
	// Memory is the provisioner's, of what it applied, when both run in one process.
	Memory *kube.Applier
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Workers is how many requests per kind are worked on at once. Default: 4.
	Workers int
	// Unprobed keeps the engine from opening connections to databases while operations run.
	Unprobed bool
}

func (o Options) probes() *watcher {
	if o.Unprobed {
		return nil
	}
	return newWatcher()
}

func (o Options) withDefaults() Options {
	if o.Present == nil {
		o.Present = func(ctx context.Context, host string, port int32) (tls.Presented, error) {
			return tls.Present(ctx, net.JoinHostPort(host, strconv.Itoa(int(port))))
		}
	}
	if o.Logs == nil {
		o.Logs = func(context.Context, client.ObjectKey, string) (string, error) { return "", nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Workers == 0 {
		o.Workers = 4
	}
	return o
}

// SetupWithManager adds the engine to a manager, one controller for each kind that has operations.
func SetupWithManager(mgr ctrl.Manager, kinds []database.Kind, opts Options) error {
	if opts.Logs == nil {
		logs, err := logsFrom(mgr.GetConfig())
		if err != nil {
			return err
		}
		opts.Logs = logs
	}
	opts = opts.withDefaults()
	for _, kind := range kinds {
		if _, operable := database.AsOperable(kind); !operable {
			continue
		}
		r := NewReconciler(kind, mgr.GetClient(), mgr.GetAPIReader(), opts)
		if err := r.setup(mgr, opts); err != nil {
			return fmt.Errorf("set up the controller for %s: %w", r.info.OpsKind, err)
		}
	}
	return nil
}

// setup registers the watches. What a request waits for is another request, its database or a pod of it; each of them
// wakes the requests for that database that are not over.
func (r *Reconciler) setup(mgr ctrl.Manager, opts Options) error {
	request, err := r.newRequest()
	if err != nil {
		return err
	}
	watched, ok := request.(client.Object)
	if !ok {
		return fmt.Errorf("%s is no object", r.info.OpsKind)
	}
	if r.probes != nil {
		closing := manager.RunnableFunc(func(ctx context.Context) error {
			<-ctx.Done()
			r.probes.close()
			return nil
		})
		if err := mgr.Add(closing); err != nil {
			return fmt.Errorf("end probes with the process: %w", err)
		}
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named(strings.ToLower(r.info.OpsKind)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: opts.Workers,
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
				50*time.Millisecond, 10*time.Second),
		}).
		Watches(watched, handler.EnqueueRequestsFromMapFunc(r.peers)).
		Watches(r.kind.New().Object(), handler.EnqueueRequestsFromMapFunc(r.ofDatabase)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.ofPod)).
		Complete(r)
}

// peers are the request itself and those that may wait for it.
func (r *Reconciler) peers(ctx context.Context, obj client.Object) []reconcile.Request {
	request, ok := obj.(opsv1alpha1.OpsRequest)
	if !ok {
		return nil
	}
	self := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(obj)}
	key := client.ObjectKey{Namespace: obj.GetNamespace(), Name: request.Base().DatabaseRef.Name}
	others := r.unfinished(ctx, key)
	for _, other := range others {
		if other == self {
			return others
		}
	}
	return append(others, self)
}

// ofDatabase are the requests for a database, and the one that holds it, should it exist no more.
func (r *Reconciler) ofDatabase(ctx context.Context, obj client.Object) []reconcile.Request {
	requests := r.unfinished(ctx, client.ObjectKeyFromObject(obj))
	if db, ok := obj.(pausable); ok {
		if h, _ := pausedBy(db.DatabaseStatus()); h != (hold{}) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{
				Namespace: obj.GetNamespace(), Name: h.name,
			}})
		}
	}
	return requests
}

// ofPod are the requests for the database that a pod belongs to.
func (r *Reconciler) ofPod(ctx context.Context, pod client.Object) []reconcile.Request {
	labels := pod.GetLabels()
	if labels[naming.LabelName] != r.info.Name || labels[naming.LabelManagedBy] != naming.ManagedBy {
		return nil
	}
	requests := r.unfinished(ctx, client.ObjectKey{Namespace: pod.GetNamespace(), Name: labels[naming.LabelInstance]})
	if p, ok := pod.(*corev1.Pod); ok && len(requests) > 0 {
		r.hear(p)
	}
	return requests
}

// unfinished lists the requests for a database that are not over, from the cache.
func (r *Reconciler) unfinished(ctx context.Context, db client.ObjectKey) []reconcile.Request {
	requests, err := r.requestsFor(ctx, r.client, db)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Could not find the requests that an event concerns")
		return nil
	}
	var found []reconcile.Request
	for _, request := range requests {
		if !request.RequestStatus().Phase.Finished() {
			found = append(found, reconcile.Request{NamespacedName: client.ObjectKey{
				Namespace: request.GetNamespace(), Name: request.GetName(),
			}})
		}
	}
	return found
}
