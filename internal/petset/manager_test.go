package petset

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// start runs the controller with its real caches, restricted as in the operator.
func start(t *testing.T, ns string, faults *testenv.Faults) (stop func()) {
	t.Helper()
	_, stop = env.Manager(t, testenv.ManagerOptions{
		Namespace: ns, Faults: faults, Cache: CacheOptions(),
		Setup: func(mgr ctrl.Manager) error { return SetupWithManager(mgr, Options{}) },
	})
	return stop
}

// timeline holds the server's own order of events against the rules of an ordered set: a watch delivers each change of a
// pod, in the order in which the changes happened.
type timeline struct {
	*testing.T
	pods map[string]*corev1.Pod
}

func (l *timeline) see(e watch.Event) {
	pod, is := e.Object.(*corev1.Pod)
	if !is {
		l.Errorf("the watch delivers %T", e.Object)
		return
	}
	ordinal, _ := OrdinalOf(setName, pod.Name)
	switch e.Type {
	case watch.Added:
		for i := range ordinal {
			if before := l.pods[PodName(setName, i)]; !ready(before) || terminating(before) {
				l.Errorf("pod %s was created while pod %d was not ready", pod.Name, i)
			}
		}
		l.pods[pod.Name] = pod
	case watch.Modified:
		if was := l.pods[pod.Name]; terminating(pod) && !terminating(was) {
			for name, other := range l.pods {
				if name != pod.Name && !serving(other, 0, testTime) {
					l.Errorf("pod %s was deleted while %s was not ready", pod.Name, name)
				}
			}
		}
		l.pods[pod.Name] = pod
	case watch.Deleted:
		delete(l.pods, pod.Name)
	}
}

func TestTheControllerKeepsTheOrderOnTheServersTimeline(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	c, err := client.NewWithWatch(env.Config, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := c.Watch(t.Context(), &corev1.PodList{}, client.InNamespace(ns))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan struct{})
	line := &timeline{T: t, pods: map[string]*corev1.Pod{}}
	go func() {
		defer close(seen)
		for e := range watcher.ResultChan() {
			if e.Type == watch.Error {
				return // it was stopped; if it broke by itself, the end of the timeline is missing
			}
			line.see(e)
		}
	}()

	stop := start(t, ns, nil)
	env.Kubelet(ns).Serve(t)
	if err := env.Client.Create(t.Context(), newSet(ns, replicas(4))); err != nil {
		t.Fatal(err)
	}
	reach(t, ns, 4, "one")
	alter(t, ns, image("two"))
	reach(t, ns, 4, "two")
	alter(t, ns, replicas(1))
	reach(t, ns, 1, "two")
	stop()
	watcher.Stop()
	<-seen
	if len(line.pods) != 1 {
		t.Errorf("the timeline ends with %d pods, want 1", len(line.pods))
	}
}

// TestManyWritesFailUnderRealCaches lets every third write fail, alternately before and after its effect.
func TestManyWritesFailUnderRealCaches(t *testing.T) {
	t.Parallel()
	ns, faults := env.Namespace(t), &testenv.Faults{}
	for n := 3; n < 300; n += 6 {
		faults.FailNth(n, testenv.Before, testenv.ErrConnectionLost)
		faults.FailNth(n+3, testenv.After, testenv.ErrConnectionLost)
	}
	start(t, ns, faults)
	env.Kubelet(ns).Serve(t)
	if err := env.Client.Create(t.Context(), newSet(ns, replicas(4))); err != nil {
		t.Fatal(err)
	}
	reach(t, ns, 4, "one")
	alter(t, ns, image("two"), replicas(2))
	reach(t, ns, 2, "two")
	if faults.Fired() < 5 {
		t.Errorf("only %d writes failed: %v", faults.Fired(), faults.Writes())
	}
}

// TestOneControllerContinuesWhereAnotherWasKilled gives each controller three writes to live.
func TestOneControllerContinuesWhereAnotherWasKilled(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	env.Kubelet(ns).Serve(t)
	if err := env.Client.Create(t.Context(), newSet(ns, parallel(), replicas(3))); err != nil {
		t.Fatal(err)
	}
	for lives := 1; ; lives++ {
		if lives > 20 {
			t.Fatal("no end after 20 lives")
		}
		faults := &testenv.Faults{}
		faults.FailFrom(4, testenv.ErrConnectionLost)
		stop := start(t, ns, faults)
		done := false
		testenv.Eventually(t, func(ctx context.Context) error {
			done = reached(ctx, ns, 3, "one") == nil
			if !done && faults.Fired() == 0 {
				return fmt.Errorf("neither done nor dead after %v", faults.Writes())
			}
			return nil
		})
		stop()
		if done {
			return
		}
	}
}

func TestAPodWithoutTheLabelIsAdoptedUnderRealCaches(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	set := newSet(ns, replicas(2))
	orphan := newPod(set, Revision{Name: "x", Template: &set.Spec.Template}, 0)
	orphan.OwnerReferences, orphan.Spec.Volumes = nil, nil
	delete(orphan.Labels, api.SetLabel)
	if err := env.Client.Create(t.Context(), orphan); err != nil {
		t.Fatal(err)
	}
	start(t, ns, nil)
	env.Kubelet(ns).Serve(t)
	set.Spec.UpdateStrategy.Type = "OnDelete" // or the orphan, of an unknown revision, would be updated
	if err := env.Client.Create(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	reach(t, ns, 2, "one")
	pod := &corev1.Pod{}
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(orphan), pod); err != nil {
		t.Fatal(err)
	}
	if pod.UID != orphan.UID || len(pod.OwnerReferences) != 1 {
		t.Errorf("the orphan was not adopted: uid %s (was %s), owners %v", pod.UID, orphan.UID, pod.OwnerReferences)
	}
}

func TestASetThatWaitsForItsPolicyGoesOnWhenItComes(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	start(t, ns, nil)
	env.Kubelet(ns).Serve(t)
	set := newSet(ns, replicas(1), func(s *api.PetSet) { s.Spec.PodPlacementPolicy = &corev1.LocalObjectReference{Name: "late-" + ns} })
	if err := env.Client.Create(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, func(ctx context.Context) error {
		found := &api.PetSet{}
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(set), found); err != nil {
			return err
		}
		if len(found.Status.Conditions) != 1 || found.Status.Conditions[0].Reason != api.ReasonPolicyNotFound {
			return fmt.Errorf("conditions are %v", found.Status.Conditions)
		}
		return nil
	})
	if err := env.Client.Create(t.Context(), shippedPolicy(t, "late-"+ns)); err != nil {
		t.Fatal(err)
	}
	reach(t, ns, 1, "one")
}

// reach waits until the set has n pods of an image, and all of them are ready and known to the status.
func reach(t *testing.T, ns string, n int32, image string) {
	t.Helper()
	testenv.Eventually(t, func(ctx context.Context) error { return reached(ctx, ns, n, image) })
}

func reached(ctx context.Context, ns string, n int32, image string) error {
	set := &api.PetSet{}
	if err := env.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: setName}, set); err != nil {
		return err
	}
	var pods corev1.PodList
	if err := env.Client.List(ctx, &pods, client.InNamespace(ns)); err != nil {
		return err
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; !ready(pod) || terminating(pod) || pod.Spec.Containers[0].Image != image {
			return fmt.Errorf("pod %s: ready %t, terminating %t, image %s", pod.Name, ready(pod), terminating(pod), pod.Spec.Containers[0].Image)
		}
	}
	s := set.Status
	if len(pods.Items) != int(n) || s.Replicas != n || s.ReadyReplicas != n || s.ObservedGeneration != set.Generation {
		return fmt.Errorf("%d pods, status %+v, want %d", len(pods.Items), s, n)
	}
	return nil
}

// alter edits the set of a namespace.
func alter(t *testing.T, ns string, options ...option) {
	t.Helper()
	set := &api.PetSet{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: setName}, set); err != nil {
		t.Fatal(err)
	}
	was := set.DeepCopy()
	for _, o := range options {
		o(set)
	}
	if err := env.Client.Patch(t.Context(), set, client.MergeFrom(was)); err != nil {
		t.Fatal(err)
	}
}
