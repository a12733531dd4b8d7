package ops

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// finalizer keeps a request from vanishing while it holds its database.
const finalizer = "ops.kubedb.com/matriarch"

// +kubebuilder:rbac:groups=ops.kubedb.com,resources=postgresopsrequests/status;pgpoolopsrequests/status;pgbounceropsrequests/status,verbs=patch

// persist writes the request's status if it differs from what the API server holds, and tells in events what is new.
// The write is refused if anybody wrote the request since it was read: then this engine no longer knows where the
// operation stands and must look again.
func (run *run) persist(ctx context.Context) error {
	if !run.changed() {
		return nil
	}
	run.noteProbes()
	run.noteSessions()
	run.status().ObservedGeneration = run.request.GetGeneration()
	before := run.saved
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := run.r.client.Status().Patch(ctx, run.request, patch); err != nil {
		return fmt.Errorf("write the status of %s: %w", run.title(), err)
	}
	run.saved = copyOf(run.request)
	run.r.wrote(run.request.GetUID(), run.now)
	run.tellConditions(ctx, before.RequestStatus())
	return nil
}

// changed tells whether the request differs from what the API server holds.
func (run *run) changed() bool { return !equality.Semantic.DeepEqual(run.saved, run.request) }

// +kubebuilder:rbac:groups=ops.kubedb.com,resources=postgresopsrequests;pgpoolopsrequests;pgbounceropsrequests,verbs=get;list;watch;patch

// setFinalizer puts the finalizer on the request or takes it off.
func (run *run) setFinalizer(ctx context.Context, want bool) error {
	have := slices.Contains(run.request.GetFinalizers(), finalizer)
	if have == want {
		return nil
	}
	next := copyOf(run.saved)
	finalizers := append(slices.Clone(run.request.GetFinalizers()), finalizer)
	if !want {
		finalizers = slices.DeleteFunc(finalizers, func(f string) bool { return f == finalizer })
	}
	next.SetFinalizers(finalizers)
	patch := client.MergeFromWithOptions(run.saved, client.MergeFromWithOptimisticLock{})
	err := run.r.client.Patch(ctx, next, patch)
	if apierrors.IsNotFound(err) && !want {
		return nil // it was deleted and went with its last finalizer
	}
	if err != nil {
		return fmt.Errorf("write the finalizers of %s: %w", run.title(), err)
	}
	run.saved = next
	run.request.SetFinalizers(slices.Clone(next.GetFinalizers()))
	run.request.SetResourceVersion(next.GetResourceVersion())
	run.request.SetManagedFields(copyOf(next).GetManagedFields())
	return nil
}

// wait records what the request waits for.
func (run *run) wait(ctx context.Context, what string) kube.Outcome {
	if run.status().Phase == "" {
		run.status().Phase = opsv1alpha1.OpsRequestPhasePending
	}
	run.journal().Waiting = what
	if err := run.persist(ctx); err != nil {
		return kube.Failed(err)
	}
	return kube.Done()
}

// journal returns the journal, to write into.
func (run *run) journal() *opsv1alpha1.Journal {
	if run.status().Journal == nil {
		run.status().Journal = &opsv1alpha1.Journal{}
	}
	return run.status().Journal
}

func copyOf(request opsv1alpha1.OpsRequest) opsv1alpha1.OpsRequest {
	return request.DeepCopyObject().(opsv1alpha1.OpsRequest)
}
