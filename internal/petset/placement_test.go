package petset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// domains builds a policy with one node affinity rule from pairs of zone and number.
func domains(action corev1.UnsatisfiableConstraintAction, pairs ...string) *api.PlacementPolicy {
	rule := api.NodeAffinityRule{TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: action, Weight: 50}
	for i := 0; i+1 < len(pairs); i += 2 {
		rule.Domains = append(rule.Domains, api.AffinityDomain{Values: []string{pairs[i]}, Replicas: pairs[i+1]})
	}
	return policyOf(api.PlacementPolicySpec{Affinity: &api.Affinity{NodeAffinity: []api.NodeAffinityRule{rule}}})
}

func policyOf(spec api.PlacementPolicySpec) *api.PlacementPolicy {
	return &api.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: spec}
}

func place(t *testing.T, policy *api.PlacementPolicy, set *api.PetSet, pod *corev1.Pod, others ...*corev1.Pod) *corev1.Pod {
	t.Helper()
	p, err := NewPlacement(policy, set)
	if err != nil {
		t.Fatalf("NewPlacement: %v", err)
	}
	p.apply(pod, others, nil)
	return pod
}

func TestSpreadingIsAConstraintOverTheTemplatesLabels(t *testing.T) {
	t.Parallel()
	policy := policyOf(api.PlacementPolicySpec{
		ZoneSpreadConstraint: &api.SpreadConstraint{MaxSkew: 2, WhenUnsatisfiable: corev1.ScheduleAnyway},
		NodeSpreadConstraint: &api.SpreadConstraint{MaxSkew: 1, WhenUnsatisfiable: corev1.ScheduleAnyway},
	})
	pod := place(t, policy, newSet("ns"), &corev1.Pod{})
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}
	want := corev1.PodSpec{TopologySpreadConstraints: []corev1.TopologySpreadConstraint{
		{TopologyKey: "topology.kubernetes.io/zone", MaxSkew: 2, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector},
		{TopologyKey: "kubernetes.io/hostname", MaxSkew: 1, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: selector},
	}}
	if diff := cmp.Diff(want, pod.Spec); diff != "" {
		t.Errorf("pod spec (-want +got):\n%s", diff)
	}
}

func TestStrictSpreadingKeepsPodsApart(t *testing.T) {
	t.Parallel()
	policy := policyOf(api.PlacementPolicySpec{
		NodeSpreadConstraint: &api.SpreadConstraint{MaxSkew: 1, WhenUnsatisfiable: corev1.DoNotSchedule},
	})
	pod := place(t, policy, newSet("ns"), &corev1.Pod{})
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}
	want := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: "kubernetes.io/hostname", LabelSelector: selector}},
	}}
	if diff := cmp.Diff(want, pod.Spec.Affinity); diff != "" {
		t.Errorf("affinity (-want +got):\n%s", diff)
	}
	if n := len(pod.Spec.TopologySpreadConstraints); n != 1 {
		t.Errorf("%d spread constraints, want 1", n)
	}
}

func TestAConstraintOfTheTemplateTakesPrecedence(t *testing.T) {
	t.Parallel()
	policy := policyOf(api.PlacementPolicySpec{
		NodeSpreadConstraint: &api.SpreadConstraint{MaxSkew: 1, WhenUnsatisfiable: corev1.ScheduleAnyway},
	})
	own := []corev1.TopologySpreadConstraint{{TopologyKey: corev1.LabelHostname, MaxSkew: 3, WhenUnsatisfiable: corev1.ScheduleAnyway}}
	pod := place(t, policy, newSet("ns"), &corev1.Pod{Spec: corev1.PodSpec{TopologySpreadConstraints: own}})
	if diff := cmp.Diff(own, pod.Spec.TopologySpreadConstraints); diff != "" {
		t.Errorf("constraints (-want +got):\n%s", diff)
	}
}

// zoneOf reads the zones that a pod is tied to, of its required and preferred terms.
func zoneOf(pod *corev1.Pod) string {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return "-"
	}
	var out []string
	node := pod.Spec.Affinity.NodeAffinity
	if r := node.RequiredDuringSchedulingIgnoredDuringExecution; r != nil {
		for _, term := range r.NodeSelectorTerms {
			for _, e := range term.MatchExpressions {
				out = append(out, e.Values...)
			}
		}
	}
	for _, p := range node.PreferredDuringSchedulingIgnoredDuringExecution {
		for _, e := range p.Preference.MatchExpressions {
			out = append(out, "~"+strings.Join(e.Values, ","))
		}
	}
	return strings.Join(out, "|")
}

func TestPodsFillDomainsInTheirOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		policy *api.PlacementPolicy
		pods   int32
		want   string
	}{
		{"numbers", domains(corev1.DoNotSchedule, "a", "2", "b", "1"), 3, "a a b"},
		{"the rest goes to a domain without a number", domains(corev1.DoNotSchedule, "a", "1", "b", ""), 4, "a b b b"},
		{"a majority by expression", domains(corev1.DoNotSchedule, "a", "obj.spec.replicas/2+1", "b", ""), 5, "a a a b b"},
		{"a domain of none is passed over", domains(corev1.DoNotSchedule, "a", "0", "b", ""), 2, "b b"},
		{"pods beyond all numbers go anywhere", domains(corev1.DoNotSchedule, "a", "1", "b", "1"), 3, "a b -"},
		{"preferences", domains(corev1.ScheduleAnyway, "a", "1", "b", ""), 3, "~a ~b ~b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set := newSet("ns", replicas(c.pods))
			var pods []*corev1.Pod
			var got []string
			for range c.pods {
				pod := place(t, c.policy, set, &corev1.Pod{}, pods...)
				pods, got = append(pods, pod), append(got, zoneOf(pod))
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("pods go to %s, want %s", g, c.want)
			}
		})
	}
}

func TestAPodThatComesBackTakesTheFreePlace(t *testing.T) {
	t.Parallel()
	policy, set := domains(corev1.DoNotSchedule, "a", "2", "b", "1"), newSet("ns")
	inA, inB := place(t, policy, set, &corev1.Pod{}), place(t, domains(corev1.DoNotSchedule, "b", ""), set, &corev1.Pod{})
	if got := zoneOf(place(t, policy, set, &corev1.Pod{}, inA, inB)); got != "a" {
		t.Errorf("it goes to %s, want a, which lacks one", got)
	}
	if got := zoneOf(place(t, policy, set, &corev1.Pod{}, inA, inA)); got != "b" {
		t.Errorf("it goes to %s, want b, which lacks one", got)
	}
}

func TestADomainNarrowsWhatTheTemplateAllows(t *testing.T) {
	t.Parallel()
	ssd := corev1.NodeSelectorRequirement{Key: "disk", Operator: corev1.NodeSelectorOpIn, Values: []string{"ssd"}}
	nvme := corev1.NodeSelectorRequirement{Key: "disk", Operator: corev1.NodeSelectorOpIn, Values: []string{"nvme"}}
	zone := corev1.NodeSelectorRequirement{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{"a"}}
	pod := &corev1.Pod{Spec: corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
			{MatchExpressions: []corev1.NodeSelectorRequirement{ssd}}, {MatchExpressions: []corev1.NodeSelectorRequirement{nvme}},
		}}}}}}
	place(t, domains(corev1.DoNotSchedule, "a", ""), newSet("ns"), pod)
	want := []corev1.NodeSelectorTerm{
		{MatchExpressions: []corev1.NodeSelectorRequirement{ssd, zone}}, {MatchExpressions: []corev1.NodeSelectorRequirement{nvme, zone}},
	}
	got := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
}

func TestAPolicyThatCannotBeEvaluatedSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ replicas, want string }{
		{"-1", `"-1" is -1, but cannot be negative`},
		{"obj.spec.replicas-9", `"obj.spec.replicas-9" is -6, but cannot be negative`},
		{"two", `"two" is neither a number nor a CEL expression`},
		{"obj.spec.nothing", `evaluate "obj.spec.nothing": no such key: nothing`},
		{"'many'", `"'many'" gives many, but must give a whole number`},
		{"0.5", `"0.5" gives 0.5, but must give a whole number`},
		{"[1,2,3,4,5,6,7,8,9].map(a, [1,2,3,4,5,6,7,8,9].map(b, [1,2,3,4,5,6,7,8,9].map(c, a*b*c))).size()", "cost limit exceeded"},
	} {
		_, err := NewPlacement(domains(corev1.DoNotSchedule, "a", c.replicas), newSet("ns"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("replicas %q: error is\n  %v\nwant it to contain\n  %s", c.replicas, err, c.want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "placement policy p, node affinity of topology.kubernetes.io/zone: replicas of domain [a]: ") {
			t.Errorf("replicas %q: the error does not say where: %v", c.replicas, err)
		}
	}
	_, err := NewPlacement(domains("Sometimes", "a", ""), newSet("ns"))
	if want := `whenUnsatisfiable is "Sometimes", but must be DoNotSchedule or ScheduleAnyway`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want it to contain %s", err, want)
	}
}

func TestExpressionsSeeTheSetAsItIsMeant(t *testing.T) {
	t.Parallel()
	set := newSet("ns")
	set.Spec.Replicas = nil // means 1
	for text, want := range map[string]int{
		"obj.spec.replicas":                        1,
		"obj.metadata.name == 'db' ? 7 : 0":        7,
		"int(math_is_not_needed(1)) * 0":           -1, // does not compile
		"uint(3)":                                  3,
		"6.0/2.0":                                  3,
		"obj.spec.template.metadata.labels.size()": 1,
	} {
		got, err := evaluate(text, set)
		if want == -1 {
			if err == nil {
				t.Errorf("%s gives %d, want an error", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s gives %d, %v, want %d", text, got, err, want)
		}
	}
	if set.Spec.Replicas != nil {
		t.Error("evaluating changed the set")
	}
}

// TestAPodGoesBackToWhereItsVolumeIs: three pods were assigned as 2 and 1, then the set grew to five, which makes it 3 and 2.
func TestAPodGoesBackToWhereItsVolumeIs(t *testing.T) {
	t.Parallel()
	policy := domains(corev1.DoNotSchedule, "a", "obj.spec.replicas/2+1", "b", "")
	placed := func(o Observed) (zones []string, claims map[string]*corev1.PersistentVolumeClaim) {
		t.Helper()
		var err error
		if o.Placement, err = NewPlacement(policy, o.Set); err != nil {
			t.Fatal(err)
		}
		claims = map[string]*corev1.PersistentVolumeClaim{}
		for _, actions := range Decide(o).Work {
			for _, a := range actions {
				if a.Verb == CreatePod {
					zones = append(zones, zoneOf(a.Pod))
				} else {
					claims[a.Claim.Name] = a.Claim
				}
			}
		}
		return zones, claims
	}
	zones, claims := placed(observe(newSet("ns", parallel(), replicas(3))))
	if want := []string{"a", "a", "b"}; !cmp.Equal(zones, want) {
		t.Fatalf("three pods go to %v, want %v", zones, want)
	}
	o := observe(newSet("ns", parallel(), replicas(5)))
	o.Claims = claims // all pods are gone, their claims are not
	if zones, _ = placed(o); !cmp.Equal(zones, []string{"a", "a", "b", "a", "b"}) {
		t.Errorf("five pods go to %v, want each of the first three back to its volume", zones)
	}
	claims["data-db-2"].Annotations[api.DomainsAnnotation] = "edited by hand"
	if zones, _ = placed(o); !cmp.Equal(zones, []string{"a", "a", "a", "b", "b"}) {
		t.Errorf("with an unreadable note the pods go to %v, want them assigned by number", zones)
	}
}

// TestNewPodsCountThoseOfTheSamePlan: with parallel management several pods are placed at once.
func TestNewPodsCountThoseOfTheSamePlan(t *testing.T) {
	t.Parallel()
	set := newSet("ns", parallel())
	o := observe(set, "", "", "")
	var err error
	if o.Placement, err = NewPlacement(domains(corev1.DoNotSchedule, "a", "2", "b", ""), set); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, actions := range Decide(o).Work {
		for _, a := range actions {
			if a.Verb == CreatePod {
				got = append(got, fmt.Sprint(a.Pod.Name, " ", zoneOf(a.Pod)))
			}
		}
	}
	if want := []string{"db-0 a", "db-1 a", "db-2 b"}; !cmp.Equal(got, want) {
		t.Errorf("pods go to %q, want %q", got, want)
	}
}
