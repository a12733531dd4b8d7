package blocks

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// Budget sets the PodDisruptionBudgets of the PetSets in d: of each, less than half of the members beside the first may be
// away at a time. A single member has none, because it would block every drain of its node.
func Budget(d *database.Desired, s Subject) {
	if budget := budgetOf(s, d.PetSet); budget != nil {
		d.Budget = budget
	} else {
		d.Absent = append(d.Absent, &policyv1.PodDisruptionBudget{ObjectMeta: s.Ref(d.PetSet.Name)})
	}
	for _, set := range d.PetSets {
		if budget := budgetOf(s, set); budget != nil {
			d.Budgets = append(d.Budgets, budget)
		} else {
			d.Absent = append(d.Absent, &policyv1.PodDisruptionBudget{ObjectMeta: s.Ref(set.Name)})
		}
	}
}

func budgetOf(s Subject, set *petsetv1.PetSet) *policyv1.PodDisruptionBudget {
	replicas := *set.Spec.Replicas
	if replicas <= 1 {
		return nil
	}
	away := intstr.FromInt32(max(1, (replicas-1)/2))
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: s.Meta(set.Name),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &away,
			Selector:       set.Spec.Selector,
		},
	}
}
