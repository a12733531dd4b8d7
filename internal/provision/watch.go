package provision

import (
	"context"
	"maps"
	"slices"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// children lists the kinds of objects whose changes bring a pass over the instance that they are labelled with. A
// Lease is not among them: it changes every few seconds and means nothing here.
func children() []client.Object {
	return []client.Object{
		&petsetv1.PetSet{}, &corev1.Pod{}, &corev1.Service{}, &corev1.Secret{}, &corev1.ServiceAccount{},
		&rbacv1.Role{}, &rbacv1.RoleBinding{}, &policyv1.PodDisruptionBudget{}, &appcatalogv1alpha1.AppBinding{},
	}
}

// ownerByLabels maps a child to the instance that its labels name.
func ownerByLabels(crdName string) handler.MapFunc {
	return func(_ context.Context, o client.Object) []reconcile.Request {
		l := o.GetLabels()
		if l[naming.LabelName] != crdName || l[naming.LabelInstance] == "" {
			return nil
		}
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: l[naming.LabelInstance]}}}
	}
}

// matters passes events of the instances that a pass could have something to do about. Our own status writes are not
// among them, but an operation's pausing and resuming is.
func matters() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld, e.ObjectNew
		return before.GetGeneration() != after.GetGeneration() ||
			before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero() ||
			!maps.Equal(before.GetLabels(), after.GetLabels()) ||
			!maps.Equal(before.GetAnnotations(), after.GetAnnotations()) ||
			!slices.Equal(before.GetFinalizers(), after.GetFinalizers()) ||
			steering(before) != steering(after)
	}}
}

// steered are the conditions that others write and that say what a pass may do.
type steered struct{ paused, healthCheckPaused bool }

func steering(o client.Object) steered {
	holder, ok := o.(interface {
		DatabaseStatus() *sharedv1.DatabaseStatus
	})
	if !ok {
		return steered{}
	}
	conditions := holder.DatabaseStatus().Conditions
	return steered{
		paused:            kube.ConditionTrue(conditions, sharedv1.ConditionPaused),
		healthCheckPaused: kube.ConditionTrue(conditions, sharedv1.ConditionHealthCheckPaused),
	}
}

// CacheByObject restricts the manager's cache to what is ours: objects in a cluster that have nothing to do with
// databases cost nothing. Secrets are cached by the kind's name alone, because users label the Secrets of further
// database users that way.
func CacheByObject(kinds []database.Kind) (map[client.Object]cache.ByObject, error) {
	names := make([]string, 0, len(kinds))
	for _, k := range kinds {
		names = append(names, k.Info().Name)
	}
	ofKinds, err := labels.NewRequirement(naming.LabelName, selection.In, names)
	if err != nil {
		return nil, err
	}
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{naming.LabelManagedBy: naming.ManagedBy})}
	return map[client.Object]cache.ByObject{
		&corev1.Secret{}:                {Label: labels.NewSelector().Add(*ofKinds)},
		&corev1.Pod{}:                   ours,
		&corev1.Service{}:               ours,
		&corev1.ServiceAccount{}:        ours,
		&rbacv1.Role{}:                  ours,
		&rbacv1.RoleBinding{}:           ours,
		&policyv1.PodDisruptionBudget{}: ours,
		&networkingv1.NetworkPolicy{}:   ours,
	}, nil
}

// Coverage says what CacheByObject leaves out, for the Follower.
func Coverage() kube.Coverage {
	return kube.Coverage{
		Partial: []client.Object{&corev1.Secret{}, &corev1.ServiceAccount{}, &corev1.Service{}, &corev1.Pod{}},
		Absent:  append([]client.Object{&corev1.ConfigMap{}}, Uncached()...),
	}
}

// Uncached are kinds that the manager's client must not read through a cache: they may be absent from the cluster, and of
// those that exist only a few are of interest.
func Uncached() []client.Object {
	return []client.Object{&certmanager.Certificate{}, &certmanager.Issuer{}, &certmanager.ClusterIssuer{}}
}
