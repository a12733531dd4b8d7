package step

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups="",resources=pods/eviction,verbs=create

// evictWithin bounds one request for an eviction. The client library repeats a refused one by itself for minutes, if the
// API server says that it may be allowed later; the engine has better things to do and asks again anyway.
const evictWithin = 5 * time.Second

// evict asks for the deletion of a target's pod, and of no other pod that has its name by now.
//
// A pod that serves goes through the eviction API, so PodDisruptionBudgets, the user's own ones included, are honoured:
// as long as one forbids it the operation waits, and fails at the step's deadline; a budget is never overruled. A pod
// that is not ready serves nobody, and a budget would protect it for ever exactly when it has to be replaced; it is
// deleted directly.
func (s *Scope) evict(ctx context.Context, target opsv1alpha1.Target) error {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: s.Database.Object().GetNamespace(), Name: target.Name,
	}}
	only := metav1.Preconditions{UID: &target.UID}
	var err error
	if s.ready(target) {
		eviction := &policyv1.Eviction{DeleteOptions: &metav1.DeleteOptions{Preconditions: &only}}
		limited, cancel := context.WithTimeout(ctx, evictWithin)
		defer cancel()
		err = s.Client.SubResource("eviction").Create(limited, pod, eviction)
	} else {
		err = s.Client.Delete(ctx, pod, client.Preconditions(only))
	}
	switch {
	case err == nil, apierrors.IsNotFound(err), apierrors.IsConflict(err): // gone, or another pod by now
		return nil
	case apierrors.IsTooManyRequests(err), errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return &Blocked{Why: fmt.Sprintf("a PodDisruptionBudget to allow the eviction of pod %s (%v)", target.Name, err)}
	}
	return fmt.Errorf("evict pod %s/%s: %w", pod.Namespace, pod.Name, err)
}

// ready tells whether the target's pod serves.
func (s *Scope) ready(target opsv1alpha1.Target) bool {
	for _, m := range s.Members {
		if m.Pod.Name == target.Name && m.Pod.UID == target.UID {
			return m.Ready
		}
	}
	return false
}
