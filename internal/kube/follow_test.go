package kube_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// following is a namespace with a Follower and a controller that counts how often it is woken.
type following struct {
	testing.TB
	ns string
	*kube.Follower
	mu    sync.Mutex
	woken int
}

func newFollowing(t testing.TB) *following {
	t.Helper()
	f := &following{TB: t, ns: env.Namespace(t)}
	env.Manager(t, testenv.ManagerOptions{Namespace: f.ns, Cache: restricted(), Setup: func(mgr ctrl.Manager) error {
		direct, err := client.NewWithWatch(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
		if err != nil {
			return err
		}
		f.Follower, err = kube.NewFollower(mgr.GetCache(), direct, kube.Coverage{
			Partial: []client.Object{&corev1.Secret{}}, Absent: []client.Object{&corev1.ConfigMap{}},
		})
		if err != nil {
			return err
		}
		if err := mgr.Add(f.Follower); err != nil {
			return err
		}
		return ctrl.NewControllerManagedBy(mgr).Named("follower-" + f.ns).WatchesRawSource(f.Source("test")).Complete(f)
	}})
	return f
}

// Reconcile counts.
func (f *following) Reconcile(context.Context, reconcile.Request) (reconcile.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.woken++
	return reconcile.Result{}, nil
}

func (f *following) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.woken
}

func (f *following) reading() *kube.Reading {
	return f.Read(kube.Owner{Controller: "test", NamespacedName: types.NamespacedName{Namespace: f.ns, Name: "owner"}})
}

// wakes does something and waits until the reader is woken for it.
func (f *following) wakes(what string, do func() error) {
	f.Helper()
	f.quiet()
	before := f.count()
	if err := do(); err != nil {
		f.Fatalf("%s: %v", what, err)
	}
	testenv.Eventually(f, func(context.Context) error {
		if f.count() == before {
			return fmt.Errorf("%s woke nobody", what)
		}
		return nil
	})
}

// quiet waits until nobody has been woken for a while.
func (f *following) quiet() {
	f.Helper()
	last, since := f.count(), time.Now()
	testenv.Eventually(f, func(context.Context) error {
		if n := f.count(); n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) < 200*time.Millisecond {
			return fmt.Errorf("still being woken")
		}
		return nil
	})
}

func (f *following) secret(name string, labels map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: name, Labels: labels}}
}

func TestWhatWasReadIsFollowedWhetherItExistsOrNot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		object func(f *following) client.Object
	}{
		{"a Secret that the cache does not hold", func(f *following) client.Object { return f.secret("mine", nil) }},
		{"a Secret that the cache holds", func(f *following) client.Object { return f.secret("mine", ours) }},
		{"a ConfigMap, of which the cache holds none", func(f *following) client.Object {
			return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "mine"}}
		}},
		{"a PgBouncer, of which the cache holds all", func(f *following) client.Object {
			pb := &kubedbv1.PgBouncer{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "mine"}}
			pb.Spec.Version, pb.Spec.Database.DatabaseName = "1", "app"
			pb.Spec.Database.DatabaseRef = appcatalogv1alpha1.AppReference{Name: "pg", Namespace: f.ns}
			return pb
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFollowing(t)
			f.TB = t
			obj := test.object(f)
			key := client.ObjectKeyFromObject(obj)
			pass := func() error {
				r := f.reading()
				err := r.Get(t.Context(), key, test.object(f))
				r.Close()
				return err
			}
			if err := pass(); !apierrors.IsNotFound(err) {
				t.Fatalf("reading what is not there gave %v", err)
			}
			f.wakes("its appearance", func() error { return env.Client.Create(t.Context(), obj) })
			testenv.Eventually(t, func(context.Context) error { return pass() })
			f.wakes("its change", func() error {
				before := obj.DeepCopyObject().(client.Object)
				obj.SetAnnotations(map[string]string{"changed": "1"})
				return env.Client.Patch(t.Context(), obj, client.MergeFrom(before))
			})
			f.wakes("its end", func() error { return env.Client.Delete(t.Context(), obj) })
		})
	}
}

func TestWhatIsNoLongerReadIsNoLongerFollowed(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	first := f.reading()
	_ = first.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: "old"}, &corev1.Secret{})
	first.Close()
	second := f.reading()
	_ = second.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: "new"}, &corev1.Secret{})
	second.Close()
	f.quiet()
	before := f.count()
	for _, name := range []string{"old", "never", "nor this"} {
		if err := env.Client.Create(t.Context(), f.secret(strings.ReplaceAll(name, " ", "-"), nil)); err != nil {
			t.Fatal(err)
		}
	}
	f.quiet()
	if n := f.count(); n != before {
		t.Errorf("woken %d times for what nobody reads", n-before)
	}
	f.wakes("what is read", func() error { return env.Client.Create(t.Context(), f.secret("new", nil)) })
	f.Forget(kube.Owner{Controller: "test", NamespacedName: types.NamespacedName{Namespace: f.ns, Name: "owner"}})
	f.quiet()
	before = f.count()
	if err := env.Client.Delete(t.Context(), f.secret("new", nil)); err != nil {
		t.Fatal(err)
	}
	f.quiet()
	if n := f.count(); n != before {
		t.Error("a forgotten reader was woken")
	}
}

func TestAPassThatBrokeOffKeepsFollowing(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	first := f.reading()
	_ = first.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: "a"}, &corev1.Secret{})
	first.Close()
	broken := f.reading()
	_ = broken.Get(t.Context(), client.ObjectKey{Namespace: f.ns, Name: "b"}, &corev1.Secret{})
	f.wakes("what the pass before read", func() error { return env.Client.Create(t.Context(), f.secret("a", nil)) })
}

func TestAListIsFollowedByItsLabels(t *testing.T) {
	t.Parallel()
	f := newFollowing(t)
	wanted := map[string]string{"test": "ours", "user": "yes"}
	r := f.reading()
	if err := r.List(t.Context(), &corev1.SecretList{}, client.InNamespace(f.ns), client.MatchingLabels(wanted)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	f.quiet()
	before := f.count()
	if err := env.Client.Create(t.Context(), f.secret("other", ours)); err != nil {
		t.Fatal(err)
	}
	f.quiet()
	if n := f.count(); n != before {
		t.Error("woken for a Secret that the selector does not match")
	}
	user := f.secret("user", wanted)
	f.wakes("a match", func() error { return env.Client.Create(t.Context(), user) })
	f.wakes("a match that ends", func() error {
		before := user.DeepCopy()
		user.Labels = ours
		return env.Client.Patch(t.Context(), user, client.MergeFrom(before))
	})
	if err := f.reading().List(t.Context(), &corev1.SecretList{}); err == nil || !strings.Contains(err.Error(), "namespace") {
		t.Errorf("a list over the whole cluster gave %v", err)
	}
}
