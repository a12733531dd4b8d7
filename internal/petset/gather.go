package petset

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// +kubebuilder:rbac:groups=apps.k8s.appscode.com,resources=petsets,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps.k8s.appscode.com,resources=petsets/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps.k8s.appscode.com,resources=placementpolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create;patch;delete

// members is what belongs to a set.
type members struct {
	pods    []*corev1.Pod
	claims  map[string]*corev1.PersistentVolumeClaim
	history history
}

// gather reads what belongs to the set, after taking in orphans that match it and letting go what does not match it any more.
func (r *Reconciler) gather(ctx context.Context, f *fence) (members, error) {
	set := f.set
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return members{}, fmt.Errorf("selector of PetSet %s/%s: %w", set.Namespace, set.Name, err)
	}
	if set.Status.LabelSelector == "" {
		if err := r.discover(ctx, f, selector); err != nil {
			return members{}, err
		}
	}
	own := []client.ListOption{client.InNamespace(set.Namespace), client.MatchingLabels{api.SetLabel: set.Name}}
	var pods corev1.PodList
	var claims corev1.PersistentVolumeClaimList
	var revisions appsv1.ControllerRevisionList
	for _, list := range []client.ObjectList{&revisions, &pods, &claims} {
		if err := r.Client.List(ctx, list, own...); err != nil {
			return members{}, fmt.Errorf("list %T of PetSet %s/%s: %w", list, set.Namespace, set.Name, err)
		}
	}
	out := members{claims: map[string]*corev1.PersistentVolumeClaim{}}
	for i := range claims.Items {
		out.claims[claims.Items[i].Name] = &claims.Items[i]
	}
	var owned []*appsv1.ControllerRevision
	for i := range revisions.Items {
		revision := &revisions.Items[i]
		kept, err := r.claim(ctx, f, revision, selector.Matches(labels.Set(revision.Labels)))
		if err != nil {
			return members{}, err
		}
		if kept {
			owned = append(owned, revision)
		}
	}
	out.history = newHistory(owned)
	for i := range pods.Items {
		pod := &pods.Items[i]
		kept, err := r.claim(ctx, f, pod, member(set, selector, pod))
		if err != nil {
			return members{}, err
		}
		if kept {
			out.pods = append(out.pods, pod)
		}
	}
	return out, nil
}

// claim settles whether an object that bears the set's label is the set's: it adopts an orphan that matches, releases an own
// object that does not, and leaves what somebody else controls alone.
func (r *Reconciler) claim(ctx context.Context, f *fence, obj client.Object, matches bool) (bool, error) {
	controller := metav1.GetControllerOf(obj)
	switch {
	case controller != nil && controller.UID != f.set.UID:
		return false, nil
	case controller != nil && matches:
		return true, nil
	case controller != nil:
		return false, r.release(ctx, f, obj)
	case !matches || obj.GetDeletionTimestamp() != nil:
		return false, nil
	}
	if err := r.takeOver(ctx, f, obj); err != nil {
		return false, err
	}
	return obj.GetUID() != "", nil
}

// discover takes over the pods and revisions that match a set which this controller has never synced: those that another
// controller of PetSets or a StatefulSet of the same name left behind, which lack the label that the cache selects by.
func (r *Reconciler) discover(ctx context.Context, f *fence, selector labels.Selector) error {
	set := f.set
	matching := []client.ListOption{client.InNamespace(set.Namespace), client.MatchingLabelsSelector{Selector: selector}}
	var revisions appsv1.ControllerRevisionList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&revisions, &pods} {
		if err := r.Live.List(ctx, list, matching...); err != nil {
			return fmt.Errorf("look for %T that PetSet %s/%s could adopt: %w", list, set.Namespace, set.Name, err)
		}
	}
	var found []client.Object
	for i := range revisions.Items {
		found = append(found, &revisions.Items[i])
	}
	for i := range pods.Items {
		if member(set, selector, &pods.Items[i]) {
			found = append(found, &pods.Items[i])
		}
	}
	for _, obj := range found {
		if obj.GetLabels()[api.SetLabel] == set.Name || !adoptable(set, obj) {
			continue
		}
		if err := r.takeOver(ctx, f, obj); err != nil {
			return err
		}
	}
	return nil
}

// adoptable tells whether an object is the set's or nobody's.
func adoptable(set *api.PetSet, obj client.Object) bool {
	controller := metav1.GetControllerOf(obj)
	return controller != nil && controller.UID == set.UID || controller == nil && obj.GetDeletionTimestamp() == nil
}

// takeOver makes an adoptable object the set's: controlled by it, and with the label that lets the cache see it. obj is
// updated; an object that is gone by now is left without a UID.
func (r *Reconciler) takeOver(ctx context.Context, f *fence, obj client.Object) error {
	return r.patchOwn(ctx, f, obj, "adopt", func() {
		if metav1.GetControllerOf(obj) == nil {
			obj.SetOwnerReferences(append(obj.GetOwnerReferences(), controllerRef(f.set)))
		}
		all := obj.GetLabels()
		if all == nil {
			all = map[string]string{}
		}
		all[api.SetLabel] = f.set.Name
		obj.SetLabels(all)
	})
}

// release gives up the control of an object. The label stays: it is how the object is seen if it shall come back.
func (r *Reconciler) release(ctx context.Context, f *fence, obj client.Object) error {
	return r.patchOwn(ctx, f, obj, "release", func() {
		obj.SetOwnerReferences(slices.DeleteFunc(obj.GetOwnerReferences(), func(ref metav1.OwnerReference) bool {
			return ref.UID == f.set.UID
		}))
	})
}

// patchOwn changes the metadata of an object on condition that it is unchanged since it was read.
func (r *Reconciler) patchOwn(ctx context.Context, f *fence, obj client.Object, verb string, change func()) error {
	if err := f.pass(ctx); err != nil {
		return err
	}
	was, is := obj.DeepCopyObject().(client.Object)
	if !is {
		return errors.New("an API object's copy is no API object")
	}
	change()
	err := r.Client.Patch(ctx, obj, client.MergeFromWithOptions(was, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsNotFound(err) {
		obj.SetUID("")
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s for PetSet %s: %w", verb, describe(obj), f.set.Name, err)
	}
	return nil
}
