package petset

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// write carries a plan out. With ordered management it stops at the first failure; with parallel management a failure ends
// only the work on its ordinal.
func (r *Reconciler) write(ctx context.Context, f *fence, plan Plan) error {
	if plan.empty() {
		return nil
	}
	if err := f.pass(ctx); err != nil {
		return err
	}
	var failures []error
	for _, actions := range plan.Work {
		for _, action := range actions {
			err := r.do(ctx, f, action)
			r.tell(f.set, action, err)
			if err != nil {
				failures = append(failures, err)
				break
			}
		}
		if len(failures) > 0 && settingsOf(f.set).ordered {
			break
		}
	}
	return errors.Join(failures...)
}

// do carries one action out. Doing it twice is safe: names are fixed, and changes and deletions are conditional.
func (r *Reconciler) do(ctx context.Context, f *fence, a Action) error {
	switch a.Verb {
	case CreateClaim:
		return r.createClaim(ctx, f, a)
	case UpdateClaim:
		return r.update(ctx, a.Claim, a.Was)
	case CreatePod:
		return r.createPod(ctx, f, a.Pod)
	case LabelPod:
		return r.update(ctx, a.Pod, a.Was)
	case DeletePod:
		return r.deletePod(ctx, a.Pod)
	}
	return fmt.Errorf("unknown action %q", a.Verb)
}

// update writes what differs between obj and was, on condition that the object is still what it was.
func (r *Reconciler) update(ctx context.Context, obj, was client.Object) error {
	err := r.Client.Patch(ctx, obj, client.MergeFromWithOptions(was, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("update %s: %w", describe(obj), err)
	}
	return nil
}

// describe names an object in an error.
func describe(obj client.Object) string {
	kind := "object"
	switch obj.(type) {
	case *corev1.Pod:
		kind = "pod"
	case *corev1.PersistentVolumeClaim:
		kind = "claim"
	case *appsv1.ControllerRevision:
		kind = "ControllerRevision"
	}
	return fmt.Sprintf("%s %s/%s", kind, obj.GetNamespace(), obj.GetName())
}

// createClaim creates a claim. One that exists, of which the cache does not know, is taken, unless it is on its way out.
func (r *Reconciler) createClaim(ctx context.Context, f *fence, a Action) error {
	err := r.Client.Create(ctx, a.Claim)
	if err == nil {
		return nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create %s: %w", describe(a.Claim), err)
	}
	taken := &corev1.PersistentVolumeClaim{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(a.Claim), taken); err != nil {
		return fmt.Errorf("read %s, which exists already: %w", describe(a.Claim), err)
	}
	if dying(f.set, taken, a.Ordinal) {
		return fmt.Errorf("%s exists already and is about to be deleted: waiting for it to go", describe(taken))
	}
	return r.patchOwn(ctx, f, taken, "use", func() {
		used, _ := keepForNewPod(f.set, taken, a.Ordinal)
		taken.Labels, taken.OwnerReferences = used.Labels, used.OwnerReferences
	})
}

// createPod creates a pod. One that has its name, of which the cache does not know, is adopted if it may be.
func (r *Reconciler) createPod(ctx context.Context, f *fence, pod *corev1.Pod) error {
	set := f.set
	err := r.Client.Create(ctx, pod)
	if err == nil {
		return nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create %s: %w", describe(pod), err)
	}
	taken := &corev1.Pod{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(pod), taken); err != nil {
		return fmt.Errorf("read %s, which exists already: %w", describe(pod), err)
	}
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return fmt.Errorf("selector of PetSet %s/%s: %w", set.Namespace, set.Name, err)
	}
	controller := metav1.GetControllerOf(taken)
	switch {
	case controller != nil && controller.UID != set.UID:
		return fmt.Errorf("%s exists already and belongs to %s %s: delete it, or rename this PetSet",
			describe(pod), controller.Kind, controller.Name)
	case !member(set, selector, taken):
		return fmt.Errorf("%s exists already, but its labels do not match the selector %q: delete it, or label it to have it adopted",
			describe(pod), selector)
	case !adoptable(set, taken):
		return fmt.Errorf("%s exists already, and is terminating: %w", describe(pod), errOutdated)
	}
	return r.takeOver(ctx, f, taken)
}

// deletePod deletes the very pod that the decision was made on, in the state in which it was seen.
func (r *Reconciler) deletePod(ctx context.Context, pod *corev1.Pod) error {
	err := r.Client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID, ResourceVersion: &pod.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete %s: %w", describe(pod), err)
	}
	return nil
}
