package kube

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Follower reads objects on behalf of the objects that refer to them, and wakes the reader's controller when what was
// read changes, appears or goes. Nobody registers watches for it: reading is following.
//
// Kinds that the cache holds completely are followed through the cache. Of a partial kind the cache holds only objects
// with certain labels, or none; such an object is looked up in the cache and, if it is not there, followed by a watch
// for that one name, which is closed when its last reader no longer reads it. So an object that a user named is seen
// within moments, and the thousands that nobody named are never transferred.
type Follower struct {
	cache   cache.Cache
	direct  client.WithWatch
	scheme  *runtime.Scheme
	partial map[schema.GroupVersionKind]bool // true: some objects are in the cache, false: none

	mu       sync.Mutex
	readers  map[Owner]*interests
	byName   map[target]map[Owner]bool
	byScope  map[scope]map[Owner]bool
	singles  map[target]*single
	handlers map[schema.GroupVersionKind]bool
	wake     map[string]func(types.NamespacedName)
	stopped  bool
}

// Owner is an object for which others are read, and the controller that reconciles it.
type Owner struct {
	Controller string
	types.NamespacedName
}

// scope is what a List covers. The selector is kept as text, to be comparable, and parsed when an event arrives.
type scope struct {
	schema.GroupVersionKind
	namespace string
	selector  string
}

// interests is what one owner follows.
type interests struct {
	names  map[target]bool
	scopes map[scope]bool
}

// Coverage says of which kinds the cache does not hold everything.
type Coverage struct {
	// Partial kinds are in the cache only with certain labels.
	Partial []client.Object
	// Absent kinds are not in the cache at all.
	Absent []client.Object
}

// NewFollower returns a Follower that reads through the cache, and directly what the cache does not cover.
func NewFollower(c cache.Cache, direct client.WithWatch, covers Coverage) (*Follower, error) {
	f := &Follower{
		cache: c, direct: direct, scheme: direct.Scheme(),
		partial:  map[schema.GroupVersionKind]bool{},
		readers:  map[Owner]*interests{},
		byName:   map[target]map[Owner]bool{},
		byScope:  map[scope]map[Owner]bool{},
		singles:  map[target]*single{},
		handlers: map[schema.GroupVersionKind]bool{},
		wake:     map[string]func(types.NamespacedName){},
	}
	for i, obj := range slices.Concat(covers.Partial, covers.Absent) {
		gvk, err := apiutil.GVKForObject(obj, f.scheme)
		if err != nil {
			return nil, fmt.Errorf("follow objects: %w", err)
		}
		f.partial[gvk] = i < len(covers.Partial)
	}
	return f, nil
}

// Start ends all watches by name when the manager stops. Add the Follower to the manager.
func (f *Follower) Start(ctx context.Context) error {
	<-ctx.Done()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	for key, s := range f.singles {
		s.stop()
		delete(f.singles, key)
	}
	return nil
}

// Source feeds the queue of the named controller with the owners whose reading changed.
func (f *Follower) Source(controller string) source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.wake[controller] = func(name types.NamespacedName) { queue.Add(reconcile.Request{NamespacedName: name}) }
		return nil
	})
}

// Forget ends everything that is followed for the owner.
func (f *Follower) Forget(owner Owner) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keepOnly(owner, &interests{}, nil)
	delete(f.readers, owner)
}

// followName records the interest before the object is read, so that no change can fall between the two.
func (f *Follower) followName(owner Owner, key target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.interestsOf(owner).names[key] = true
	if f.byName[key] == nil {
		f.byName[key] = map[Owner]bool{}
	}
	f.byName[key][owner] = true
}

func (f *Follower) followScope(owner Owner, s scope) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.interestsOf(owner).scopes[s] = true
	if f.byScope[s] == nil {
		f.byScope[s] = map[Owner]bool{}
	}
	f.byScope[s][owner] = true
}

func (f *Follower) interestsOf(owner Owner) *interests {
	in, found := f.readers[owner]
	if !found {
		in = &interests{names: map[target]bool{}, scopes: map[scope]bool{}}
		f.readers[owner] = in
	}
	return in
}

// keepOnly drops every interest of the owner that is not in keep, and every watch by name that is not in singles.
// The caller holds the lock.
func (f *Follower) keepOnly(owner Owner, keep *interests, singles map[target]bool) {
	have := f.interestsOf(owner)
	for key := range have.names {
		if !singles[key] {
			f.releaseSingle(owner, key)
		}
		if !keep.names[key] {
			delete(have.names, key)
			drop(f.byName, key, owner)
		}
	}
	for s := range have.scopes {
		if !keep.scopes[s] {
			delete(have.scopes, s)
			drop(f.byScope, s, owner)
		}
	}
}

func drop[K comparable](index map[K]map[Owner]bool, key K, owner Owner) {
	delete(index[key], owner)
	if len(index[key]) == 0 {
		delete(index, key)
	}
}

// changed wakes everybody who reads the object by name or in a list. labelSets are its labels before and after.
func (f *Follower) changed(key target, labelSets ...map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for owner := range f.byName[key] {
		f.wakeUp(owner)
	}
	for s, owners := range f.byScope {
		if s.GroupVersionKind != key.GroupVersionKind || s.namespace != "" && s.namespace != key.Namespace || !selects(s.selector, labelSets) {
			continue
		}
		for owner := range owners {
			f.wakeUp(owner)
		}
	}
}

// wakeUp queues the owner; the caller holds the lock.
func (f *Follower) wakeUp(owner Owner) {
	if add, found := f.wake[owner.Controller]; found {
		add(owner.NamespacedName)
	}
}

func selects(selector string, labelSets []map[string]string) bool {
	parsed, err := labels.Parse(selector)
	if err != nil {
		return true // it was printed by a Selector; if it cannot be read, waking once too often is the safe side
	}
	for _, set := range labelSets {
		if parsed.Matches(labels.Set(set)) {
			return true
		}
	}
	return false
}
