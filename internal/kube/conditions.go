package kube

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// FindCondition returns the condition of the type, nil if there is none.
func FindCondition(conditions []sharedv1.Condition, conditionType string) *sharedv1.Condition {
	for i := range conditions {
		if conditions[i].Type == conditionType {
			return &conditions[i]
		}
	}
	return nil
}

// ConditionTrue tells whether the condition exists and is True.
func ConditionTrue(conditions []sharedv1.Condition, conditionType string) bool {
	return conditionIs(conditions, conditionType, metav1.ConditionTrue)
}

// ConditionFalse tells whether the condition exists and is False.
func ConditionFalse(conditions []sharedv1.Condition, conditionType string) bool {
	return conditionIs(conditions, conditionType, metav1.ConditionFalse)
}

func conditionIs(conditions []sharedv1.Condition, conditionType string, status metav1.ConditionStatus) bool {
	c := FindCondition(conditions, conditionType)
	return c != nil && c.Status == status
}

// SetCondition adds or replaces the condition of want's type and keeps the place of an existing one. The time of the
// last transition changes, to now, only if the status does; setting what is already there changes nothing.
func SetCondition(conditions *[]sharedv1.Condition, want sharedv1.Condition, now metav1.Time) {
	have := FindCondition(*conditions, want.Type)
	if have == nil {
		want.LastTransitionTime = now
		*conditions = append(*conditions, want)
		return
	}
	want.LastTransitionTime = have.LastTransitionTime
	if have.Status != want.Status {
		want.LastTransitionTime = now
	}
	*have = want
}

// RemoveCondition removes the condition of the type, if there is one.
func RemoveCondition(conditions *[]sharedv1.Condition, conditionType string) {
	*conditions = slices.DeleteFunc(*conditions, func(c sharedv1.Condition) bool { return c.Type == conditionType })
}
