package kube

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// single watches one object by its name, for as long as somebody reads it.
type single struct {
	owners map[Owner]bool
	store  toolscache.Store
	synced func() bool
	stop   context.CancelFunc
}

// getSingle reads one object by its own watch. Until that watch has its first answer, and for the first reader of a
// name, the API server is asked directly, so that an error (no permission, for one) reaches the reader.
func (f *Follower) getSingle(ctx context.Context, owner Owner, key target, obj client.Object) error {
	watched := f.holdSingle(owner, key)
	if watched == nil || !watched.synced() {
		return f.direct.Get(ctx, key.NamespacedName, obj)
	}
	found, exists, err := watched.store.GetByKey(key.NamespacedName.String())
	if err != nil {
		return fmt.Errorf("read %s %s: %w", key.Kind, key.NamespacedName, err)
	}
	if !exists {
		return apierrors.NewNotFound(schema.GroupResource{Group: key.Group, Resource: key.Kind}, key.Name)
	}
	copied := found.(runtime.Object).DeepCopyObject()
	reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(copied).Elem())
	return nil
}

// holdSingle returns the watch of the object and starts it if it is the first; nil once the manager has stopped.
func (f *Follower) holdSingle(owner Owner, key target) *single {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return nil
	}
	s, running := f.singles[key]
	if !running {
		s = f.startSingle(key)
		f.singles[key] = s
	}
	s.owners[owner] = true
	return s
}

// releaseSingle ends the owner's hold on the watch; the last one stops it. The caller holds the lock.
func (f *Follower) releaseSingle(owner Owner, key target) {
	s, running := f.singles[key]
	if !running {
		return
	}
	delete(s.owners, owner)
	if len(s.owners) == 0 {
		s.stop()
		delete(f.singles, key)
	}
}

func (f *Follower) startSingle(key target) *single {
	ctx, stop := context.WithCancel(context.Background())
	sample, _ := newObject(f.scheme, key.GroupVersionKind) // the kind was resolved from a typed object before
	store, controller := toolscache.NewInformerWithOptions(toolscache.InformerOptions{
		ListerWatcher: f.listWatch(key),
		ObjectType:    sample,
		Handler:       f.eventHandler(key.GroupVersionKind),
		Transform:     cache.TransformStripManagedFields(),
	})
	go controller.RunWithContext(ctx)
	return &single{owners: map[Owner]bool{}, store: store, synced: controller.HasSynced, stop: stop}
}

// listWatch asks for exactly one object: the field selector is what permissions by resource name are checked with.
func (f *Follower) listWatch(key target) toolscache.ListerWatcher {
	selector := fields.OneTermEqualSelector("metadata.name", key.Name)
	options := func(raw metav1.ListOptions) *client.ListOptions {
		raw.FieldSelector, raw.LabelSelector = "", ""
		return &client.ListOptions{Namespace: key.Namespace, FieldSelector: selector, Raw: &raw}
	}
	empty := func() (client.ObjectList, error) {
		obj, err := f.scheme.New(key.GroupVersion().WithKind(key.Kind + "List"))
		if err != nil {
			return nil, fmt.Errorf("make an empty list of %s: %w", key.Kind, err)
		}
		list, ok := obj.(client.ObjectList)
		if !ok {
			return nil, fmt.Errorf("%sList is no list", key.Kind)
		}
		return list, nil
	}
	return &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, raw metav1.ListOptions) (runtime.Object, error) {
			list, err := empty()
			if err != nil {
				return nil, err
			}
			return list, f.direct.List(ctx, list, options(raw))
		},
		WatchFuncWithContext: func(ctx context.Context, raw metav1.ListOptions) (watch.Interface, error) {
			list, err := empty()
			if err != nil {
				return nil, err
			}
			return f.direct.Watch(ctx, list, options(raw))
		},
	}
}
