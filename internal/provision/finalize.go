package provision

import (
	"context"
	"fmt"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// finalize cleans up by policy and lets the instance go. The members are stopped first: data and credentials are
// removed only when nobody uses them any more, so that nothing re-creates a claim behind our back. What the instance
// owns and the policy does not name is left to the garbage collector.
func (r *Reconciler) finalize(ctx context.Context, s *scope) kube.Outcome {
	if !controllerutil.ContainsFinalizer(s.in.Object(), finalizer) {
		r.forget(s.owner)
		return kube.Done()
	}
	r.probers.stop(s.owner.NamespacedName)
	after := legacyOf(s.work.Spec().DeletionPolicy)
	if after.data == wipe {
		stopped, err := r.stopMembers(ctx, s)
		if err != nil {
			return kube.Failed(fmt.Errorf("delete %s: stop its members: %w", s.title(), err))
		}
		if !stopped {
			return kube.Done() // the last pod's end brings the next pass
		}
	}
	for _, step := range []func(context.Context, *scope, legacy) error{r.settleData, r.settleSecrets, r.release} {
		if err := step(ctx, s, after); err != nil {
			return kube.Failed(fmt.Errorf("delete %s: %w", s.title(), err))
		}
	}
	r.forget(s.owner)
	r.applier.Forget(s.Object.GetUID())
	return kube.Done()
}

// stopMembers deletes the PetSets and tells whether all pods are gone.
func (r *Reconciler) stopMembers(ctx context.Context, s *scope) (bool, error) {
	if err := r.removeChildren(ctx, s, []client.ObjectList{&petsetv1.PetSetList{}}); err != nil {
		return false, err
	}
	return r.podsGone(ctx, s)
}

// settleData deletes claims and Lease, or frees them from the instance so that they stay.
func (r *Reconciler) settleData(ctx context.Context, s *scope, after legacy) error {
	for _, list := range []client.ObjectList{&corev1.PersistentVolumeClaimList{}, &coordinationv1.LeaseList{}} {
		objects, err := r.labelled(ctx, s, list)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if err := r.settle(ctx, s, o, after.data); err != nil {
				return err
			}
		}
	}
	return nil
}

// settleSecrets deletes the persistent Secrets, or frees them from the instance so that they stay.
func (r *Reconciler) settleSecrets(ctx context.Context, s *scope, after legacy) error {
	used, err := r.usedByOthers(ctx, s)
	if err != nil {
		return err
	}
	auth := s.in.Spec().Auth
	for _, name := range s.persistentSecrets() {
		external := auth != nil && auth.ExternallyManaged && auth.Name == name
		secret := &corev1.Secret{}
		err := r.fresh.Get(ctx, client.ObjectKey{Namespace: s.Namespace(), Name: name}, secret)
		if apierrors.IsNotFound(err) || err == nil && external {
			continue
		}
		if err != nil {
			return fmt.Errorf("read Secret %s: %w", name, err)
		}
		fate := keep
		if after.secrets == wipe && wipeable(secret, external, used) {
			fate = wipe
		}
		if err := r.settle(ctx, s, secret, fate); err != nil {
			return err
		}
	}
	return nil
}

// settle deletes an object or takes the instance out of its owners.
func (r *Reconciler) settle(ctx context.Context, s *scope, o client.Object, what fate) error {
	if what == wipe {
		return r.remove(ctx, s, o)
	}
	before := o.DeepCopyObject().(client.Object)
	refs := o.GetOwnerReferences()
	kept := refs[:0:0]
	for _, ref := range refs {
		if ref.UID != s.Object.GetUID() {
			kept = append(kept, ref)
		}
	}
	if len(kept) == len(refs) {
		return nil
	}
	o.SetOwnerReferences(kept)
	if err := r.client.Patch(ctx, o, client.MergeFrom(before), client.FieldOwner(naming.FieldOwner)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("free %T %s: %w", o, o.GetName(), err))
	}
	return nil
}

// release takes the finalizer off.
func (r *Reconciler) release(ctx context.Context, s *scope, _ legacy) error {
	before := s.in.Object().DeepCopyObject().(client.Object)
	controllerutil.RemoveFinalizer(s.in.Object(), finalizer)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := r.client.Patch(ctx, s.in.Object(), patch, client.FieldOwner(naming.FieldOwner))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove the finalizer: %w", err)
	}
	return nil
}

// labelled reads the objects with the instance's labels from the API server: deciding over data must not rest on a
// cache that lags behind.
func (r *Reconciler) labelled(ctx context.Context, s *scope, list client.ObjectList) ([]client.Object, error) {
	if err := r.fresh.List(ctx, list, client.InNamespace(s.Namespace()), client.MatchingLabels(s.Selector())); err != nil {
		return nil, fmt.Errorf("list %T: %w", list, err)
	}
	var out []client.Object
	err := meta.EachListItem(list, func(o runtime.Object) error {
		out = append(out, o.(client.Object))
		return nil
	})
	return out, err
}

// usedByOthers returns the auth Secrets that the other instances of the kind in the namespace use.
func (r *Reconciler) usedByOthers(ctx context.Context, s *scope) (map[string]bool, error) {
	gvk, err := apiutil.GVKForObject(s.in.Object(), r.client.Scheme())
	if err != nil {
		return nil, err
	}
	gvk.Kind += "List"
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk)
	if err := r.fresh.List(ctx, list, client.InNamespace(s.Namespace())); err != nil {
		return nil, fmt.Errorf("list the other instances: %w", err)
	}
	used := map[string]bool{}
	for _, other := range list.Items {
		if other.GetUID() == s.Object.GetUID() {
			continue
		}
		name, _, _ := unstructured.NestedString(other.Object, "spec", "authSecret", "name")
		if name == "" {
			name = naming.AuthSecret(other.GetName())
		}
		used[name] = true
	}
	return used, nil
}
