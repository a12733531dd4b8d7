package kube

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Reading is one pass of reading for one owner. It implements client.Reader. What is read through it is followed at
// once; Close ends the following of what the owner's former passes read and this one did not.
type Reading struct {
	follower *Follower
	owner    Owner
	seen     interests
	singles  map[target]bool
}

var _ client.Reader = (*Reading)(nil)

// Read begins a pass of reading for the owner.
func (f *Follower) Read(owner Owner) *Reading {
	return &Reading{
		follower: f, owner: owner,
		seen:    interests{names: map[target]bool{}, scopes: map[scope]bool{}},
		singles: map[target]bool{},
	}
}

// Close ends the pass. Call it only after a pass that read everything: after one that broke off, the former interests
// are still wanted.
func (r *Reading) Close() {
	r.follower.mu.Lock()
	defer r.follower.mu.Unlock()
	r.follower.keepOnly(r.owner, &r.seen, r.singles)
}

// Get reads one object and follows it, whether it exists or not.
func (r *Reading) Get(ctx context.Context, name client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	gvk, err := apiutil.GVKForObject(obj, r.follower.scheme)
	if err != nil {
		return err
	}
	key := target{gvk, name}
	r.seen.names[key] = true
	r.follower.followName(r.owner, key)
	inCache, partial := r.follower.partial[gvk]
	if inCache || !partial {
		if err := r.follower.handle(ctx, gvk, obj); err != nil {
			return err
		}
		err := r.follower.cache.Get(ctx, name, obj, opts...)
		if !partial || !apierrors.IsNotFound(err) {
			return err
		}
	}
	r.singles[key] = true
	return r.follower.getSingle(ctx, r.owner, key, obj)
}

// List reads the objects of one namespace, or those with certain labels in all namespaces, and follows the set. Of a
// partial kind it sees only what the cache holds.
func (r *Reading) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	gvk, err := apiutil.GVKForObject(list, r.follower.scheme)
	if err != nil {
		return err
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	options := (&client.ListOptions{}).ApplyOptions(opts)
	selector := labels.Everything()
	if options.LabelSelector != nil {
		selector = options.LabelSelector
	}
	if options.Namespace == "" && selector.Empty() {
		return fmt.Errorf("list %s: give a namespace or labels: lists over the whole cluster are not followed", gvk.Kind)
	}
	s := scope{gvk, options.Namespace, selector.String()}
	r.seen.scopes[s] = true
	r.follower.followScope(r.owner, s)
	sample, err := newObject(r.follower.scheme, gvk)
	if err != nil {
		return err
	}
	if err := r.follower.handle(ctx, gvk, sample); err != nil {
		return err
	}
	return r.follower.cache.List(ctx, list, opts...)
}

// handle makes the cache tell the Follower about changes of the kind; once per kind.
func (f *Follower) handle(ctx context.Context, gvk schema.GroupVersionKind, sample client.Object) error {
	f.mu.Lock()
	known := f.handlers[gvk]
	f.handlers[gvk] = true
	f.mu.Unlock()
	if known {
		return nil
	}
	// Whoever reads before the handler is in place misses nothing: the handler is first told of all that exists.
	informer, err := f.cache.GetInformer(ctx, sample)
	if err == nil {
		_, err = informer.AddEventHandler(f.eventHandler(gvk))
	}
	if err != nil {
		f.mu.Lock()
		delete(f.handlers, gvk)
		f.mu.Unlock()
		return fmt.Errorf("watch %s objects: %w", gvk.Kind, err)
	}
	return nil
}

func (f *Follower) eventHandler(gvk schema.GroupVersionKind) toolscache.ResourceEventHandler {
	notify := func(objs ...any) {
		var key target
		var labelSets []map[string]string
		for _, o := range objs {
			if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			if m, err := meta.Accessor(o); err == nil {
				key = target{gvk, client.ObjectKey{Namespace: m.GetNamespace(), Name: m.GetName()}}
				labelSets = append(labelSets, m.GetLabels())
			}
		}
		f.changed(key, labelSets...)
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { notify(obj) },
		DeleteFunc: func(obj any) { notify(obj) },
		UpdateFunc: func(before, after any) {
			if version(before) != version(after) { // a resync repeats what is known
				notify(before, after)
			}
		},
	}
}

func version(obj any) string {
	m, err := meta.Accessor(obj)
	if err != nil {
		return ""
	}
	return m.GetResourceVersion()
}
