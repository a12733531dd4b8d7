package petset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// domainRule is a node affinity rule whose numbers are known.
type domainRule struct {
	key     string
	domains []domain
	strict  bool
	weight  int32
}

// domain is a group of nodes and how many pods it takes.
type domain struct {
	values []string
	quota  int
}

// unlimited is the quota of a domain that takes all that are left.
const unlimited = int(^uint(0) >> 1)

func newDomainRule(rule api.NodeAffinityRule, set *api.PetSet) (domainRule, error) {
	strict, err := isStrict(rule.WhenUnsatisfiable)
	if err != nil {
		return domainRule{}, err
	}
	out := domainRule{key: rule.TopologyKey, strict: strict, weight: rule.Weight}
	for _, d := range rule.Domains {
		quota, err := quotaOf(d.Replicas, set)
		if err != nil {
			return domainRule{}, fmt.Errorf("replicas of domain %v: %w", d.Values, err)
		}
		out.domains = append(out.domains, domain{values: d.Values, quota: quota})
	}
	return out, nil
}

// quotaOf reads a number of pods: empty, a number, or an expression over the set.
func quotaOf(text string, set *api.PetSet) (int, error) {
	if text == "" {
		return unlimited, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		if n, err = evaluate(text, set); err != nil {
			return 0, err
		}
	}
	if n < 0 {
		return 0, fmt.Errorf("%q is %d, but cannot be negative", text, n)
	}
	return n, nil
}

// assignment is the domains that a pod belongs to: the values by topology key.
type assignment map[string][]string

// assignedBefore reads which domains a claim was made for; none if it does not say.
func assignedBefore(claim *corev1.PersistentVolumeClaim) assignment {
	var out assignment
	if err := json.Unmarshal([]byte(claim.Annotations[api.DomainsAnnotation]), &out); err != nil {
		return nil // absent, or edited by hand
	}
	return out
}

// remember notes on a new claim which domains it is made for.
func (a assignment) remember(claim *corev1.PersistentVolumeClaim) {
	text, err := json.Marshal(a)
	if err != nil || len(a) == 0 { // a map of strings can always be encoded
		return
	}
	if claim.Annotations == nil {
		claim.Annotations = map[string]string{}
	}
	claim.Annotations[api.DomainsAnnotation] = string(text)
}

// pick returns the domain with the given values, if there is one, or the first that has not got its pods yet, counting the
// others; false when all are full, and the pod may go anywhere.
func (r domainRule) pick(others []*corev1.Pod, before []string) (domain, bool) {
	for _, d := range r.domains {
		if len(before) > 0 && slices.Equal(d.values, before) {
			return d, true
		}
	}
	for _, d := range r.domains {
		assigned := 0
		for _, pod := range others {
			if r.assigned(pod, d) {
				assigned++
			}
		}
		if assigned < d.quota {
			return d, true
		}
	}
	return domain{}, false
}

// requirement is what ties a pod to a domain, and by which an assigned pod is known.
func (r domainRule) requirement(d domain) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: r.key, Operator: corev1.NodeSelectorOpIn, Values: d.values}
}

func (r domainRule) apply(pod *corev1.Pod, d domain) {
	affinity := affinityOf(pod)
	if affinity.NodeAffinity == nil {
		affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	node, requirement := affinity.NodeAffinity, r.requirement(d)
	if !r.strict {
		node.PreferredDuringSchedulingIgnoredDuringExecution = append(node.PreferredDuringSchedulingIgnoredDuringExecution,
			corev1.PreferredSchedulingTerm{Weight: min(max(r.weight, 1), 100), Preference: corev1.NodeSelectorTerm{
				MatchExpressions: []corev1.NodeSelectorRequirement{requirement}}})
		return
	}
	if node.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		node.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{}
	}
	required := node.RequiredDuringSchedulingIgnoredDuringExecution
	if len(required.NodeSelectorTerms) == 0 {
		required.NodeSelectorTerms = []corev1.NodeSelectorTerm{{}}
	}
	for i := range required.NodeSelectorTerms { // terms are alternatives: each must stay within the domain
		term := &required.NodeSelectorTerms[i]
		term.MatchExpressions = append(term.MatchExpressions, requirement)
	}
}

// assigned tells whether a pod was tied to a domain by this rule.
func (r domainRule) assigned(pod *corev1.Pod, d domain) bool {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return false
	}
	node := pod.Spec.Affinity.NodeAffinity
	var terms []corev1.NodeSelectorTerm
	if required := node.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		terms = append(terms, required.NodeSelectorTerms...)
	}
	for _, preferred := range node.PreferredDuringSchedulingIgnoredDuringExecution {
		terms = append(terms, preferred.Preference)
	}
	want := r.requirement(d)
	return slices.ContainsFunc(terms, func(term corev1.NodeSelectorTerm) bool {
		return slices.ContainsFunc(term.MatchExpressions, func(e corev1.NodeSelectorRequirement) bool {
			return e.Key == want.Key && e.Operator == want.Operator && slices.Equal(e.Values, want.Values)
		})
	})
}
