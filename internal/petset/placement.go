package petset

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// Placement is a PlacementPolicy worked out for one set. The zero Placement places nothing.
type Placement struct {
	spread  []spread
	domains []domainRule
	labels  map[string]string // what spreading counts: the labels of the set's template
}

// spread is a constraint on one topology.
type spread struct {
	key string
	api.SpreadConstraint
}

// NewPlacement works out a policy for a set; a nil policy places nothing. The error says what is wrong with the policy.
func NewPlacement(policy *api.PlacementPolicy, set *api.PetSet) (*Placement, error) {
	p := &Placement{labels: set.Spec.Template.Labels}
	if policy == nil {
		return p, nil
	}
	for _, c := range []struct {
		key string
		*api.SpreadConstraint
	}{
		{corev1.LabelTopologyZone, policy.Spec.ZoneSpreadConstraint},
		{corev1.LabelHostname, policy.Spec.NodeSpreadConstraint},
	} {
		if c.SpreadConstraint == nil {
			continue
		}
		if _, err := isStrict(c.WhenUnsatisfiable); err != nil {
			return nil, fmt.Errorf("placement policy %s, spread over %s: %w", policy.Name, c.key, err)
		}
		p.spread = append(p.spread, spread{key: c.key, SpreadConstraint: *c.SpreadConstraint})
	}
	if policy.Spec.Affinity == nil {
		return p, nil
	}
	for _, rule := range policy.Spec.Affinity.NodeAffinity {
		r, err := newDomainRule(rule, set)
		if err != nil {
			return nil, fmt.Errorf("placement policy %s, node affinity of %s: %w", policy.Name, rule.TopologyKey, err)
		}
		p.domains = append(p.domains, r)
	}
	return p, nil
}

func isStrict(action corev1.UnsatisfiableConstraintAction) (bool, error) {
	switch action {
	case corev1.DoNotSchedule, "":
		return true, nil
	case corev1.ScheduleAnyway:
		return false, nil
	}
	return false, fmt.Errorf("whenUnsatisfiable is %q, but must be %s or %s", action, corev1.DoNotSchedule, corev1.ScheduleAnyway)
}

// apply adds the placement to a pod that is about to be created beside the given others, and returns the domains that it
// was assigned to. Where its volumes were made for a domain before, it is assigned to that again. What the pod's template
// says itself is kept.
func (p *Placement) apply(pod *corev1.Pod, others []*corev1.Pod, before assignment) assignment {
	selector := &metav1.LabelSelector{MatchLabels: maps.Clone(p.labels)}
	for _, s := range p.spread {
		s.apply(pod, selector)
	}
	assigned := assignment{}
	for _, rule := range p.domains {
		if d, found := rule.pick(others, before[rule.key]); found {
			rule.apply(pod, d)
			assigned[rule.key] = d.values
		}
	}
	return assigned
}

// apply spreads the pod. With DoNotSchedule no two pods share a domain, whatever maxSkew would allow.
func (s spread) apply(pod *corev1.Pod, selector *metav1.LabelSelector) {
	action := s.WhenUnsatisfiable
	if action == "" {
		action = corev1.DoNotSchedule
	}
	taken := slices.ContainsFunc(pod.Spec.TopologySpreadConstraints, func(c corev1.TopologySpreadConstraint) bool {
		return c.TopologyKey == s.key && c.WhenUnsatisfiable == action // the API server takes one of a pair
	})
	if !taken {
		pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
			TopologyKey: s.key, MaxSkew: max(s.MaxSkew, 1), WhenUnsatisfiable: action, LabelSelector: selector,
		})
	}
	if action != corev1.DoNotSchedule {
		return
	}
	affinity := affinityOf(pod)
	if affinity.PodAntiAffinity == nil {
		affinity.PodAntiAffinity = &corev1.PodAntiAffinity{}
	}
	anti := affinity.PodAntiAffinity
	anti.RequiredDuringSchedulingIgnoredDuringExecution = append(anti.RequiredDuringSchedulingIgnoredDuringExecution,
		corev1.PodAffinityTerm{TopologyKey: s.key, LabelSelector: selector})
}

func affinityOf(pod *corev1.Pod) *corev1.Affinity {
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	return pod.Spec.Affinity
}
