package provision

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// halt removes everything but data and Secrets while spec.halted is set, and takes the mark back when it is not.
func (r *Reconciler) halt(ctx context.Context, s *scope) (bool, kube.Outcome) {
	if !s.work.Spec().Halted {
		s.remove(sharedv1.ConditionHalted)
		return true, kube.Done()
	}
	s.halted = true
	r.probers.stop(s.owner.NamespacedName)
	s.notServing()
	if err := r.removeChildren(ctx, s, halting()); err != nil {
		return false, kube.Failed(fmt.Errorf("halt %s: %w", s.title(), err))
	}
	gone, err := r.podsGone(ctx, s)
	if err != nil {
		return false, kube.Failed(fmt.Errorf("halt %s: %w", s.title(), err))
	}
	if gone {
		s.set(sharedv1.ConditionHalted, true, sharedv1.ReasonHalted, fmt.Sprintf("The %s: %s is halted.", s.Info.Kind, s.fullName()))
	}
	return false, kube.Done()
}

// notServing says what a halted instance is not, so that nothing is left over from before when it is resumed.
func (s *scope) notServing() {
	const message = "The instance is halted."
	for condition, reason := range map[string]string{
		sharedv1.ConditionReplicaReady:        sharedv1.ReasonSomeReplicasNotReady,
		sharedv1.ConditionAcceptingConnection: sharedv1.ReasonNotAcceptingConnectionRequest,
		sharedv1.ConditionReady:               sharedv1.ReasonReadinessCheckFailed,
	} {
		if kube.FindCondition(s.in.Status().Conditions, condition) != nil {
			s.set(condition, false, reason, message)
		}
	}
}

// halting lists the kinds of objects that go when an instance is halted, in this order.
func halting() []client.ObjectList {
	return []client.ObjectList{
		&appcatalogv1alpha1.AppBindingList{}, &petsetv1.PetSetList{}, &rbacv1.RoleBindingList{}, &rbacv1.RoleList{},
		&corev1.ServiceAccountList{}, &policyv1.PodDisruptionBudgetList{}, &corev1.ServiceList{},
		&monitoringv1.ServiceMonitorList{},
	}
}

// removeChildren deletes the instance's objects of these kinds, except Services that are marked to stay.
func (r *Reconciler) removeChildren(ctx context.Context, s *scope, kinds []client.ObjectList) error {
	for _, list := range kinds {
		objects, err := r.children(ctx, s, list)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if o.GetAnnotations()[naming.AnnotationKeepOn] == keepOnHalt {
				continue
			}
			if err := r.remove(ctx, s, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepOnHalt is the value of naming.AnnotationKeepOn that lets an object survive halting.
const keepOnHalt = "halt"

// children lists the objects of one kind that were made for the instance: they carry its labels, and the instance or
// one of its PetSets owns them. An object that merely has the labels is somebody else's.
func (r *Reconciler) children(ctx context.Context, s *scope, list client.ObjectList) ([]client.Object, error) {
	if _, optional := list.(*monitoringv1.ServiceMonitorList); optional {
		if known, err := r.cluster.knows(&monitoringv1.ServiceMonitor{}); err != nil || !known {
			return nil, err
		}
	}
	if err := r.client.List(ctx, list, client.InNamespace(s.Namespace()), client.MatchingLabels(s.Selector())); err != nil {
		return nil, fmt.Errorf("list %T: %w", list, err)
	}
	var out []client.Object
	err := meta.EachListItem(list, func(o runtime.Object) error {
		child := o.(client.Object)
		if s.made(child) {
			out = append(out, child)
		}
		return nil
	})
	return out, err
}

func (s *scope) made(o client.Object) bool {
	for _, ref := range o.GetOwnerReferences() {
		if ref.UID == s.Object.GetUID() || ref.Kind == petsetv1.PetSetKind {
			return true
		}
	}
	return false
}

// podsGone tells whether no pod of the instance is left. The passes are repeated as pods go: they are watched.
func (r *Reconciler) podsGone(ctx context.Context, s *scope) (bool, error) {
	var pods corev1.PodList
	if err := r.client.List(ctx, &pods, client.InNamespace(s.Namespace()), client.MatchingLabels(s.Selector())); err != nil {
		return false, fmt.Errorf("list pods: %w", err)
	}
	return len(pods.Items) == 0, nil
}
