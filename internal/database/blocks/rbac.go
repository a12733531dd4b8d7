package blocks

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/matriarchdb/matriarch/internal/database"
)

// Grant fills in the service account of the pods, its Role and their binding. An account that the user made himself
// (foreign) is used as it is: it gets no Role either, because its rights are the user's business.
func Grant(d *database.Desired, s Subject, account string, rules []rbacv1.PolicyRule, foreign bool) {
	if foreign {
		return
	}
	d.ServiceAccount = &corev1.ServiceAccount{ObjectMeta: s.Meta(account)}
	d.Role = &rbacv1.Role{ObjectMeta: s.Meta(account), Rules: rules}
	d.RoleBinding = &rbacv1.RoleBinding{
		ObjectMeta: s.Meta(account),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.Namespace(), Name: account}},
	}
}

// AgentRules let an agent read the named Secrets and read and annotate the pods of one PetSet, each by name.
func AgentRules(petset string, replicas int32, secrets ...string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: secrets, Verbs: []string{"get", "watch"}},
		PodRule(petset, replicas),
	}
}

// PodRule lets agents read and annotate the pods of one PetSet. It names at least one pod: a rule without names would
// mean all of them.
func PodRule(petset string, replicas int32) rbacv1.PolicyRule {
	pods := make([]string, max(replicas, 1))
	for i := range pods {
		pods[i] = fmt.Sprintf("%s-%d", petset, i)
	}
	return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: pods, Verbs: []string{"get", "patch"}}
}
