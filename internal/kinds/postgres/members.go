package postgres

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Members lists the pods with the roles that their agents gave them.
func (Kind) Members(pods []corev1.Pod) []database.Member {
	return database.MembersOf(pods, func(pod *corev1.Pod) string { return pod.Labels[naming.LabelRole] })
}
