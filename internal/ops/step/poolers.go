package step

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// pooler is an object of any kind of pooler.
type pooler interface {
	client.Object
	DatabaseStatus() *sharedv1.DatabaseStatus
}

// poolersInOperation names the poolers in front of the database that are being operated on. What their operations planned
// depends on what the AppBinding says of TLS.
func (s *Scope) poolersInOperation(ctx context.Context) ([]string, error) {
	db := s.Database.Object()
	backend := naming.BackendKey(db.GetNamespace(), db.GetName())
	var pods corev1.PodList
	if err := s.Reader.List(ctx, &pods, client.MatchingLabels{naming.LabelManagedBy: naming.ManagedBy, naming.LabelBackend: backend}); err != nil {
		return nil, fmt.Errorf("list the poolers' pods in front of %s: %w", db.GetName(), err)
	}
	var names []string
	seen := map[string]bool{}
	for _, pod := range pods.Items {
		resource, key := pod.Labels[naming.LabelName], client.ObjectKey{Namespace: pod.Namespace, Name: pod.Labels[naming.LabelInstance]}
		id := resource + " " + key.String()
		if seen[id] || resource == "" || key.Name == "" { // the latter is no pod of the operator's making
			continue
		}
		seen[id] = true
		live, err := s.poolerOf(resource)
		if err != nil {
			return nil, err
		}
		if err := s.Reader.Get(ctx, key, live); client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read %s %s: %w", resource, key, err)
		}
		paused := kube.FindCondition(live.DatabaseStatus().Conditions, sharedv1.ConditionPaused)
		if kube.ConditionTrue(live.DatabaseStatus().Conditions, sharedv1.ConditionPaused) && paused.Reason == sharedv1.ReasonPausedByOpsRequest {
			names = append(names, key.String())
		}
	}
	slices.Sort(names)
	return names, nil
}

// poolerOf returns an empty object of a resource, such as pgpools.kubedb.com.
func (s *Scope) poolerOf(resource string) (pooler, error) {
	gvk, err := s.Client.RESTMapper().KindFor(schema.ParseGroupResource(resource).WithVersion(""))
	if err != nil {
		return nil, fmt.Errorf("find out what a pooler's pod of %s belongs to: %w", resource, err)
	}
	object, err := s.Client.Scheme().New(gvk)
	if err != nil {
		return nil, fmt.Errorf("find out what a pooler's pod of %s belongs to: %w", resource, err)
	}
	live, ok := object.(pooler)
	if !ok {
		return nil, fmt.Errorf("find out what a pooler's pod of %s belongs to: %T is no database", resource, object)
	}
	return live, nil
}
