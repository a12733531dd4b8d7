package postgres

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// agentRules let the agents do what they do for every kind, and hold the Lease that says who is primary.
func (g gathered) agentRules(config string) []rbacv1.PolicyRule {
	rules := append(blocks.AgentRules(g.pg.Name, g.spec.Replicas, g.secrets(config)...), rbacv1.PolicyRule{
		APIGroups:     []string{coordinationv1.GroupName},
		Resources:     []string{"leases"},
		ResourceNames: []string{naming.LeaderLease(g.pg.Name)},
		Verbs:         []string{"get", "watch", "update"},
	})
	for _, group := range g.spec.Groups {
		rules = append(rules, blocks.PodRule(group.PetSet, group.Replicas))
	}
	return rules
}
