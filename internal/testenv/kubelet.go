package testenv

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Kubelet plays scheduler and kubelet for one namespace. It runs no container: a pod is in the state that a test puts it in.
type Kubelet struct {
	client client.Client
	ns     string
}

// Kubelet returns the kubelet of a namespace.
func (e *Env) Kubelet(ns string) Kubelet { return Kubelet{client: e.Client, ns: ns} }

// Run binds a pod to a node and reports it running but not ready. A pod that is bound is deleted gracefully: it stays,
// terminating, until Finish.
func (k Kubelet) Run(t testing.TB, name string) { t.Helper(); k.must(t, name, k.run) }

// Ready reports a pod running and ready from now on, binding it first if needed.
func (k Kubelet) Ready(t testing.TB, name string) { t.Helper(); k.ReadySince(t, name, time.Now()) }

// ReadySince is Ready, but ready since the given time (of second resolution).
func (k Kubelet) ReadySince(t testing.TB, name string, since time.Time) {
	t.Helper()
	k.must(t, name, func(ctx context.Context, pod *corev1.Pod) error { return k.ready(ctx, pod, since) })
}

// NotReady reports a pod running but not ready.
func (k Kubelet) NotReady(t testing.TB, name string) { t.Helper(); k.must(t, name, k.run) }

// Fail reports a pod failed.
func (k Kubelet) Fail(t testing.TB, name string) { t.Helper(); k.end(t, name, corev1.PodFailed) }

// Succeed reports a pod succeeded.
func (k Kubelet) Succeed(t testing.TB, name string) { t.Helper(); k.end(t, name, corev1.PodSucceeded) }

// Finish ends the deletion of a terminating pod: afterwards the pod is gone.
func (k Kubelet) Finish(t testing.TB, name string) { t.Helper(); k.must(t, name, k.finish) }

// Round makes every pod of the namespace ready and finishes every deletion once; it returns whether it changed anything.
func (k Kubelet) Round(t testing.TB) bool {
	t.Helper()
	changed, err := k.round(t.Context())
	if err != nil {
		t.Fatalf("kubelet of namespace %s: %v", k.ns, err)
	}
	return changed
}

// Serve makes pods ready and finishes deletions as they come, until the test ends.
func (k Kubelet) Serve(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(pollEvery); ; {
			if _, err := k.round(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("kubelet of namespace %s: %v", k.ns, err)
				return
			}
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func (k Kubelet) round(ctx context.Context) (changed bool, err error) {
	var pods corev1.PodList
	if err := k.client.List(ctx, &pods, client.InNamespace(k.ns)); err != nil {
		return false, err
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		var do func(context.Context, *corev1.Pod) error
		switch {
		case pod.DeletionTimestamp != nil:
			do = k.finish
		case pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded || isReady(pod):
			continue
		default:
			do = func(ctx context.Context, pod *corev1.Pod) error { return k.ready(ctx, pod, time.Now()) }
		}
		if err := do(ctx, pod); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}

func (k Kubelet) must(t testing.TB, name string, do func(context.Context, *corev1.Pod) error) {
	t.Helper()
	pod := &corev1.Pod{}
	if err := k.client.Get(t.Context(), client.ObjectKey{Namespace: k.ns, Name: name}, pod); err != nil {
		t.Fatalf("kubelet reads pod %s/%s: %v", k.ns, name, err)
	}
	if err := do(t.Context(), pod); err != nil {
		t.Fatalf("kubelet handles pod %s/%s: %v", k.ns, name, err)
	}
}

func (k Kubelet) bind(ctx context.Context, pod *corev1.Pod) error {
	if pod.Spec.NodeName != "" {
		return nil
	}
	binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "node-of-" + pod.Name}}
	if err := k.client.SubResource("binding").Create(ctx, pod, binding); err != nil {
		return fmt.Errorf("bind the pod: %w", err)
	}
	return nil
}

func (k Kubelet) run(ctx context.Context, pod *corev1.Pod) error {
	if err := k.bind(ctx, pod); err != nil {
		return err
	}
	return k.report(ctx, pod, corev1.PodRunning, corev1.ConditionFalse, time.Now())
}

func (k Kubelet) ready(ctx context.Context, pod *corev1.Pod, since time.Time) error {
	if err := k.bind(ctx, pod); err != nil {
		return err
	}
	return k.report(ctx, pod, corev1.PodRunning, corev1.ConditionTrue, since)
}

func (k Kubelet) end(t testing.TB, name string, phase corev1.PodPhase) {
	t.Helper()
	k.must(t, name, func(ctx context.Context, pod *corev1.Pod) error {
		if err := k.bind(ctx, pod); err != nil {
			return err
		}
		return k.report(ctx, pod, phase, corev1.ConditionFalse, time.Now())
	})
}

// report patches the pod's status the way a kubelet does: without a precondition.
func (k Kubelet) report(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase, ready corev1.ConditionStatus, since time.Time) error {
	was := pod.DeepCopy()
	pod.Status.Phase = phase
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(since)},
		{Type: corev1.PodReady, Status: ready, LastTransitionTime: metav1.NewTime(since)},
	}
	pod.Status.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Ready: ready == corev1.ConditionTrue, Started: ptr.To(phase == corev1.PodRunning),
		})
	}
	if err := k.client.Status().Patch(ctx, pod, client.MergeFrom(was)); err != nil {
		return fmt.Errorf("report phase %s: %w", phase, err)
	}
	return nil
}

func (k Kubelet) finish(ctx context.Context, pod *corev1.Pod) error {
	if pod.DeletionTimestamp == nil {
		return fmt.Errorf("nobody asked for its deletion")
	}
	return k.client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
