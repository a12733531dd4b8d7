package blocks

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/matriarchdb/matriarch/internal/database"
)

// Budget sets the PodDisruptionBudget of the PetSet in d: less than half of the standbys may be away at a time. A
// single member has none, because it would block every drain of its node.
func Budget(d *database.Desired, s Subject) {
	replicas := *d.PetSet.Spec.Replicas
	if replicas <= 1 {
		d.Absent = append(d.Absent, &policyv1.PodDisruptionBudget{ObjectMeta: s.Ref(d.PetSet.Name)})
		return
	}
	away := intstr.FromInt32(max(1, (replicas-1)/2))
	d.Budget = &policyv1.PodDisruptionBudget{
		ObjectMeta: s.Meta(d.PetSet.Name),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &away,
			Selector:       d.PetSet.Spec.Selector,
		},
	}
}
