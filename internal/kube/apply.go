package kube

import (
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Change says what an Apply did.
type Change string

// The results of Apply.
const (
	Unchanged Change = "unchanged"
	Created   Change = "created"
	Updated   Change = "updated"
)

// Applied is the result of Apply.
type Applied struct {
	Change Change
	// UID of the live object.
	UID types.UID
}

// Applier writes objects by server-side apply under one field owner. It remembers what it applied and what came back,
// and sends nothing as long as both the desired object and the content of the live one are what they were: drift is
// repaired, and an idle object costs nothing. What it remembers is a saving, not a truth: after a restart of the
// process each object is applied once more, which changes nothing.
//
// Applied objects must be readable through the client's cache.
type Applier struct {
	client client.Client
	owner  client.FieldOwner

	mu   sync.Mutex
	done map[target]applied
}

type target struct {
	schema.GroupVersionKind
	types.NamespacedName
}

// applied is the memory of one Apply.
type applied struct {
	group           types.UID // controller owner, for Forget
	desired         string    // digest of what was sent
	live            string    // fingerprint of what came back
	resourceVersion string    // newest version known to have that fingerprint
}

// NewApplier returns an Applier that reads live objects through c, which should be backed by a cache, and writes as
// the given field owner.
func NewApplier(c client.Client, owner string) *Applier {
	return &Applier{client: c, owner: client.FieldOwner(owner), done: map[target]applied{}}
}

// Apply makes the live object agree with obj in every field that obj sets, and removes fields that earlier calls set
// and obj does not. Conflicts with other field owners are resolved in our favour. obj itself is not changed.
func (a *Applier) Apply(ctx context.Context, obj client.Object) (Applied, error) {
	u, err := configuration(a.client.Scheme(), obj)
	if err != nil {
		return Applied{}, err
	}
	desired, err := digest(u)
	if err != nil {
		return Applied{}, err
	}
	key := target{u.GroupVersionKind(), client.ObjectKeyFromObject(obj)}
	live, err := a.live(ctx, key)
	if err != nil {
		return Applied{}, err
	}
	change, version := Created, ""
	if live != nil {
		version = live.GetResourceVersion()
		same, err := a.inForce(key, desired, live)
		if err != nil || same {
			return Applied{Unchanged, live.GetUID()}, err
		}
		change = Updated
	}
	if err := a.send(ctx, key, u, version); err != nil {
		return Applied{}, err
	}
	return Applied{change, u.GetUID()}, a.remember(key, u, desired)
}

// Forget drops the memory of all objects whose controller owner has the given UID.
func (a *Applier) Forget(owner types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, rec := range a.done {
		if rec.group == owner {
			delete(a.done, key)
		}
	}
}

// live returns the cached object, nil if there is none.
func (a *Applier) live(ctx context.Context, key target) (client.Object, error) {
	obj, err := newObject(a.client.Scheme(), key.GroupVersionKind)
	if err != nil {
		return nil, err
	}
	err = a.client.Get(ctx, key.NamespacedName, obj)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", key.Kind, key.NamespacedName, err)
	}
	return obj, nil
}

// inForce tells whether the desired object was applied before and is still what the API server holds.
func (a *Applier) inForce(key target, desired string, live client.Object) (bool, error) {
	a.mu.Lock()
	rec, known := a.done[key]
	a.mu.Unlock()
	if !known || rec.desired != desired {
		return false, nil
	}
	if !newer(live.GetResourceVersion(), rec.resourceVersion) {
		return true, nil // the cache holds just what came back, or has not yet caught up with it
	}
	now, err := fingerprint(a.client.Scheme(), live)
	if err != nil || now != rec.live {
		return false, err
	}
	rec.resourceVersion = live.GetResourceVersion()
	a.record(key, rec)
	return true, nil
}

// send applies u, which becomes what came back. Where the result would be invalid because of what somebody else put
// into the live object of that version (a second port of the same name, for one), the object is replaced.
func (a *Applier) send(ctx context.Context, key target, u *unstructured.Unstructured, live string) error {
	whole := u.DeepCopy()
	err := a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.ForceOwnership, a.owner)
	if apierrors.IsInvalid(err) && live != "" {
		whole.SetResourceVersion(live)
		if replaced := a.client.Update(ctx, whole, a.owner); replaced == nil {
			*u = *whole
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", key.Kind, key.NamespacedName, err)
	}
	return nil
}

// remember notes what was sent and what came back.
func (a *Applier) remember(key target, u *unstructured.Unstructured, desired string) error {
	// A typed copy drops what the types do not know, as the cache does.
	back, err := newObject(a.client.Scheme(), key.GroupVersionKind)
	if err != nil {
		return err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, back); err != nil {
		return fmt.Errorf("read back %s %s: %w", key.Kind, key.NamespacedName, err)
	}
	now, err := fingerprint(a.client.Scheme(), back)
	if err != nil {
		return err
	}
	rec := applied{desired: desired, live: now, resourceVersion: back.GetResourceVersion()}
	for _, ref := range back.GetOwnerReferences() {
		if ref.Controller != nil && *ref.Controller {
			rec.group = ref.UID
		}
	}
	a.record(key, rec)
	return nil
}

func (a *Applier) record(key target, rec applied) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done[key] = rec
}

// newer tells whether version a is newer than b. Versions that cannot be compared count as newer.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err != nil || order > 0
}

// newObject returns an empty object of the kind.
func newObject(scheme *runtime.Scheme, gvk schema.GroupVersionKind) (client.Object, error) {
	obj, err := scheme.New(gvk)
	if err != nil {
		return nil, fmt.Errorf("make an empty %s: %w", gvk.Kind, err)
	}
	typed, ok := obj.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s has no object metadata", gvk.Kind)
	}
	return typed, nil
}
