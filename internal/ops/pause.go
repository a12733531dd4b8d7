package ops

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// held returns the request that holds the database, zero if none does.
func (run *run) held() hold {
	h, _ := pausedBy(run.database.Status())
	return h
}

func (run *run) pauseMessage() string {
	if c := kube.FindCondition(run.database.Status().Conditions, sharedv1.ConditionPaused); c != nil {
		return c.Message
	}
	return "by whom it does not say"
}

// +kubebuilder:rbac:groups=kubedb.com,resources=postgreses/status;pgpools/status;pgbouncers/status,verbs=patch

// pause takes the database for the request, unless somebody else has it. It returns whether the request holds it. It
// writes over the database as it was read before the request's status was last written, once: an engine that comes late
// must not pause a database for a request that another engine has finished since.
func (run *run) pause(ctx context.Context) (bool, error) {
	if _, paused := pausedBy(run.database.Status()); paused {
		return run.held() == holdOf(run.request), nil
	}
	before := run.database.DeepCopy().Object()
	take(run.database.Status(), run.r.info.OpsKind, run.request, metav1.NewTime(run.now))
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := run.r.client.Status().Patch(ctx, run.database.Object(), patch); err != nil {
		return false, fmt.Errorf("pause %s %s: %w", run.r.info.Kind, run.databaseName(), err)
	}
	return true, nil
}

// resume gives the database back if the request holds it.
func (run *run) resume(ctx context.Context) error {
	if run.database == nil || run.held() != holdOf(run.request) {
		return nil
	}
	return run.r.release(ctx, run.database.Object(), run.database.Status(), holdOf(run.request))
}

// pausable is a database object of any kind.
type pausable interface {
	client.Object
	DatabaseStatus() *sharedv1.DatabaseStatus
}

// release gives up a hold. status is the one inside db.
func (r *Reconciler) release(ctx context.Context, db client.Object, status *sharedv1.DatabaseStatus, h hold) error {
	_, err := kube.PatchStatus(ctx, r.client, r.reader, db, func() { release(status, h) })
	if err != nil {
		return fmt.Errorf("resume %s %s: %w", r.info.Kind, client.ObjectKeyFromObject(db), err)
	}
	return nil
}

// free resumes the database if it is held by a request that is over or exists no more.
func (run *run) free(ctx context.Context) error {
	h := run.held()
	if h == (hold{}) || h == holdOf(run.request) {
		return nil
	}
	alive, err := run.r.alive(ctx, run.request.GetNamespace(), h)
	if err != nil || alive {
		return err
	}
	return run.r.release(ctx, run.database.Object(), run.database.Status(), h)
}

// alive tells whether the request of a hold exists and is not over.
func (r *Reconciler) alive(ctx context.Context, namespace string, h hold) (bool, error) {
	request, err := r.newRequest()
	if err != nil {
		return false, err
	}
	key := client.ObjectKey{Namespace: namespace, Name: h.name}
	if err := r.reader.Get(ctx, key, request); err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, fmt.Errorf("read %s %s: %w", r.info.OpsKind, key, err)
	}
	return request.GetUID() == h.uid && !request.RequestStatus().Phase.Finished(), nil
}

// releaseAbandoned resumes the databases that were held by a request which is gone, although its finalizer should have
// prevented that.
func (r *Reconciler) releaseAbandoned(ctx context.Context, request types.NamespacedName) kube.Outcome {
	gvk, err := r.client.GroupVersionKindFor(r.kind.New().Object())
	if err != nil {
		return kube.Failed(fmt.Errorf("find out what a %s is: %w", r.info.Kind, err))
	}
	list, err := newList(r.client.Scheme(), gvk.GroupVersion().WithKind(gvk.Kind+"List"))
	if err != nil {
		return kube.Failed(err)
	}
	if err := r.client.List(ctx, list, client.InNamespace(request.Namespace)); err != nil {
		return kube.Failed(fmt.Errorf("list %s in namespace %s: %w", r.info.Kind, request.Namespace, err))
	}
	err = meta.EachListItem(list, func(obj runtime.Object) error {
		db, ok := obj.(pausable)
		if !ok {
			return nil
		}
		h, _ := pausedBy(db.DatabaseStatus())
		if h.name != request.Name {
			return nil
		}
		alive, err := r.alive(ctx, request.Namespace, h)
		if err != nil || alive {
			return err
		}
		return r.release(ctx, db, db.DatabaseStatus(), h)
	})
	if err != nil {
		return kube.Failed(err)
	}
	return kube.Done()
}

// newList returns an empty list of the kind.
func newList(scheme *runtime.Scheme, gvk schema.GroupVersionKind) (client.ObjectList, error) {
	obj, err := scheme.New(gvk)
	if err != nil {
		return nil, fmt.Errorf("make an empty %s: %w", gvk.Kind, err)
	}
	list, ok := obj.(client.ObjectList)
	if !ok {
		return nil, fmt.Errorf("%s is no list", gvk.Kind)
	}
	return list, nil
}

func objectKey(in database.Instance) client.ObjectKey { return client.ObjectKeyFromObject(in.Object()) }
