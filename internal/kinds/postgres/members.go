package postgres

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Members lists the pods with the roles that their agents gave them. A read replica is one by the PetSet that it was made
// for, whatever else its labels say.
func (Kind) Members(pods []corev1.Pod) []database.Member {
	return database.MembersOf(pods, func(pod *corev1.Pod) string {
		if pod.Labels[naming.LabelReadReplica] != "" {
			return naming.RoleReadReplica
		}
		return pod.Labels[naming.LabelRole]
	})
}
