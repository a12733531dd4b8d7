package petset

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// placement reads the policy that the set names and works it out. A nil Placement means that no pod can be created; the
// conditions say why. There is no condition for a set that names no policy.
func (r *Reconciler) placement(ctx context.Context, set *api.PetSet) (*Placement, []api.PetSetCondition, error) {
	ref := set.Spec.PodPlacementPolicy
	var policy *api.PlacementPolicy
	if ref != nil && ref.Name != "" {
		policy = &api.PlacementPolicy{}
		err := r.Client.Get(ctx, client.ObjectKey{Name: ref.Name}, policy)
		if apierrors.IsNotFound(err) {
			return nil, unplaceable(api.ReasonPolicyNotFound, fmt.Sprintf(
				"spec.podPlacementPolicy names PlacementPolicy %q, which does not exist: no pod is created until it does", ref.Name)), nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read PlacementPolicy %s: %w", ref.Name, err)
		}
	}
	if set.Spec.Distributed {
		return nil, unplaceable(api.ReasonDistributedUnsupported,
			"spec.distributed asks for several clusters, which is not supported yet: no pod is created"), nil
	}
	placement, err := NewPlacement(policy, set)
	if err != nil {
		return nil, unplaceable(api.ReasonPolicyInvalid, err.Error()), nil
	}
	if policy == nil {
		return placement, nil, nil
	}
	return placement, []api.PetSetCondition{{
		Type: api.PetSetPlaceable, Status: corev1.ConditionTrue, Reason: api.ReasonPlaced,
		Message: fmt.Sprintf("new pods are placed by PlacementPolicy %q", policy.Name),
	}}, nil
}

func unplaceable(reason, message string) []api.PetSetCondition {
	return []api.PetSetCondition{{Type: api.PetSetPlaceable, Status: corev1.ConditionFalse, Reason: reason, Message: message}}
}
