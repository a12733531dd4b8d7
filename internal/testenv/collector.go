package testenv

import (
	"context"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pvcProtection is put on every claim by the API server and taken off by a controller that does not run here.
const pvcProtection = "kubernetes.io/pvc-protection"

// Collect does what the garbage collector does in a namespace, until nothing is left to do: objects whose owners are all
// gone are deleted, dangling references are dropped, deletions that wait for their dependents (foreground, orphan) are
// finished, and a deleted claim goes once no pod uses it. It returns whether there was anything to do. Looking at a few
// kinds only, where a test knows them, is much faster than at all of them.
func (e *Env) Collect(t testing.TB, ns string, kinds ...schema.GroupVersionKind) (did bool) {
	t.Helper()
	for {
		changed, err := e.collect(t.Context(), ns, kinds)
		if err != nil {
			t.Fatalf("collect garbage in namespace %s: %v", ns, err)
		}
		if !changed {
			return did
		}
		did = true
	}
}

func (e *Env) collect(ctx context.Context, ns string, kinds []schema.GroupVersionKind) (changed bool, err error) {
	objects, err := e.everything(ctx, ns, kinds)
	if err != nil {
		return false, err
	}
	alive := map[types.UID]bool{}
	for i := range objects {
		alive[objects[i].UID] = true
	}
	for i := range objects {
		did, err := e.collectOne(ctx, &objects[i], objects, alive)
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return false, fmt.Errorf("%s %s: %w", objects[i].Kind, objects[i].Name, err)
		}
		changed = changed || did
	}
	return changed, nil
}

func (e *Env) collectOne(ctx context.Context, obj *metav1.PartialObjectMetadata, all []metav1.PartialObjectMetadata, alive map[types.UID]bool) (bool, error) {
	if obj.DeletionTimestamp != nil {
		return e.finish(ctx, obj, all)
	}
	refs, err := e.living(ctx, obj, alive)
	switch {
	case err != nil || len(refs) == len(obj.OwnerReferences):
		return false, err
	case len(refs) == 0:
		return true, e.Client.Delete(ctx, obj, client.Preconditions{UID: &obj.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	default:
		return true, e.setMeta(ctx, obj, func(o *metav1.PartialObjectMetadata) { o.OwnerReferences = refs })
	}
}

// living returns the references of obj whose owner exists.
func (e *Env) living(ctx context.Context, obj *metav1.PartialObjectMetadata, alive map[types.UID]bool) ([]metav1.OwnerReference, error) {
	var refs []metav1.OwnerReference
	for _, ref := range obj.OwnerReferences {
		if !alive[ref.UID] {
			owner := &metav1.PartialObjectMetadata{}
			owner.SetGroupVersionKind(schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind))
			err := e.Client.Get(ctx, client.ObjectKey{Namespace: obj.Namespace, Name: ref.Name}, owner)
			if apierrors.IsNotFound(err) || err == nil && owner.UID != ref.UID {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read owner %s %s: %w", ref.Kind, ref.Name, err)
			}
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// finish moves on the deletion of an object that waits for a finalizer of the garbage collector's.
func (e *Env) finish(ctx context.Context, obj *metav1.PartialObjectMetadata, all []metav1.PartialObjectMetadata) (bool, error) {
	for _, finalizer := range obj.Finalizers {
		waits, err := false, error(nil)
		switch finalizer {
		case metav1.FinalizerOrphanDependents:
			err = e.eachDependent(obj, all, func(d *metav1.PartialObjectMetadata) error {
				return e.setMeta(ctx, d, func(o *metav1.PartialObjectMetadata) {
					o.OwnerReferences = slices.DeleteFunc(o.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == obj.UID })
				})
			})
		case metav1.FinalizerDeleteDependents:
			err = e.eachDependent(obj, all, func(d *metav1.PartialObjectMetadata) error {
				waits = true
				if d.DeletionTimestamp != nil {
					return nil
				}
				return e.Client.Delete(ctx, d, client.Preconditions{UID: &d.UID})
			})
		case pvcProtection:
			waits, err = e.claimInUse(ctx, obj)
		default:
			continue
		}
		if err != nil {
			return false, err
		}
		if !waits {
			return true, e.setMeta(ctx, obj, func(o *metav1.PartialObjectMetadata) {
				o.Finalizers = slices.DeleteFunc(o.Finalizers, func(f string) bool { return f == finalizer })
			})
		}
	}
	return false, nil
}

func (e *Env) eachDependent(owner *metav1.PartialObjectMetadata, all []metav1.PartialObjectMetadata, do func(*metav1.PartialObjectMetadata) error) error {
	for i := range all {
		owned := slices.ContainsFunc(all[i].OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == owner.UID })
		if !owned {
			continue
		}
		if err := do(&all[i]); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func (e *Env) claimInUse(ctx context.Context, claim *metav1.PartialObjectMetadata) (bool, error) {
	var pods corev1.PodList
	if err := e.Client.List(ctx, &pods, client.InNamespace(claim.Namespace)); err != nil {
		return false, fmt.Errorf("list pods: %w", err)
	}
	for _, pod := range pods.Items {
		for _, v := range pod.Spec.Volumes {
			if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim.Name {
				return true, nil
			}
		}
	}
	return false, nil
}

func (e *Env) setMeta(ctx context.Context, obj *metav1.PartialObjectMetadata, change func(*metav1.PartialObjectMetadata)) error {
	was := obj.DeepCopy()
	change(obj)
	return e.Client.Patch(ctx, obj, client.MergeFromWithOptions(was, client.MergeFromWithOptimisticLock{}))
}

// everything lists the metadata of the objects of some kinds in a namespace, by default all kinds but events.
func (e *Env) everything(ctx context.Context, ns string, kinds []schema.GroupVersionKind) ([]metav1.PartialObjectMetadata, error) {
	if len(kinds) == 0 {
		all, err := e.namespacedKinds()
		if err != nil {
			return nil, err
		}
		kinds = all
	}
	var out []metav1.PartialObjectMetadata
	for _, gvk := range kinds {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(gvk)
		if err := e.Client.List(ctx, list, client.InNamespace(ns)); err != nil {
			return nil, fmt.Errorf("list %s: %w", gvk.Kind, err)
		}
		for i := range list.Items {
			list.Items[i].SetGroupVersionKind(gvk)
		}
		out = append(out, list.Items...)
	}
	return out, nil
}

// namespacedKinds asks the API server for the kinds that can own and be owned.
func (e *Env) namespacedKinds() ([]schema.GroupVersionKind, error) {
	e.kindsOnce.Do(func() {
		disco, err := discovery.NewDiscoveryClientForConfig(e.Config)
		if err != nil {
			e.kindsErr = fmt.Errorf("make a discovery client: %w", err)
			return
		}
		lists, err := disco.ServerPreferredNamespacedResources()
		if err != nil {
			e.kindsErr = fmt.Errorf("list the API's resources: %w", err)
			return
		}
		for _, list := range lists {
			gv, err := schema.ParseGroupVersion(list.GroupVersion)
			if err != nil {
				e.kindsErr = err
				return
			}
			for _, r := range list.APIResources {
				if r.Kind != "Event" && slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "delete") {
					e.kinds = append(e.kinds, gv.WithKind(r.Kind))
				}
			}
		}
	})
	return e.kinds, e.kindsErr
}
