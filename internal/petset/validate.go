package petset

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// Problems returns what makes a set impossible to run, as sentences that name the field; none for a good set. They are the
// rules that the API server itself applies to a StatefulSet, as far as the schema of a PetSet does not express them. An
// invalid pod template is not among them: the API server says so when the first pod is created.
func Problems(set *api.PetSet) []string {
	spec := &set.Spec
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }

	if problem := selectorProblem(spec); problem != "" {
		add("%s", problem)
	}
	notNegative := func(field string, value int32) {
		if value < 0 {
			add("%s is %d, but cannot be negative", field, value)
		}
	}
	notNegative("spec.replicas", ptr.Deref(spec.Replicas, 1))
	notNegative("spec.minReadySeconds", spec.MinReadySeconds)
	notNegative("spec.revisionHistoryLimit", ptr.Deref(spec.RevisionHistoryLimit, 0))
	if spec.Ordinals != nil {
		notNegative("spec.ordinals.start", spec.Ordinals.Start)
	}
	oneOf := func(field string, value string, known ...string) {
		if value != "" && !slices.Contains(known, value) {
			add("%s is %q, but must be one of %v", field, value, known)
		}
	}
	oneOf("spec.podManagementPolicy", string(spec.PodManagementPolicy),
		string(appsv1.OrderedReadyPodManagement), string(appsv1.ParallelPodManagement))
	oneOf("spec.updateStrategy.type", string(spec.UpdateStrategy.Type),
		string(appsv1.RollingUpdateStatefulSetStrategyType), string(appsv1.OnDeleteStatefulSetStrategyType))
	if p := spec.PersistentVolumeClaimRetentionPolicy; p != nil {
		retain, remove := string(appsv1.RetainPersistentVolumeClaimRetentionPolicyType), string(appsv1.DeletePersistentVolumeClaimRetentionPolicyType)
		oneOf("spec.persistentVolumeClaimRetentionPolicy.whenDeleted", string(p.WhenDeleted), retain, remove)
		oneOf("spec.persistentVolumeClaimRetentionPolicy.whenScaled", string(p.WhenScaled), retain, remove)
	}
	if r := spec.UpdateStrategy.RollingUpdate; r != nil {
		notNegative("spec.updateStrategy.rollingUpdate.partition", ptr.Deref(r.Partition, 0))
		if problem := maxUnavailableProblem(r.MaxUnavailable); problem != "" {
			add("spec.updateStrategy.rollingUpdate.maxUnavailable %s", problem)
		}
	}
	if p := spec.Template.Spec.RestartPolicy; p != "" && p != corev1.RestartPolicyAlways {
		add("spec.template.spec.restartPolicy is %q, but must be %q", p, corev1.RestartPolicyAlways)
	}
	return append(out, nameProblems(set)...)
}

func selectorProblem(spec *api.PetSetSpec) string {
	if spec.Selector == nil || len(spec.Selector.MatchLabels)+len(spec.Selector.MatchExpressions) == 0 {
		return "spec.selector is empty, but must select the set's pods"
	}
	selector, err := metav1.LabelSelectorAsSelector(spec.Selector)
	if err != nil {
		return fmt.Sprintf("spec.selector is invalid: %v", err)
	}
	if !selector.Matches(labels.Set(spec.Template.Labels)) {
		return fmt.Sprintf("spec.selector %q does not match the labels of spec.template, %v", selector, spec.Template.Labels)
	}
	return ""
}

func maxUnavailableProblem(value *intstr.IntOrString) string {
	if value == nil {
		return ""
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, 100, false)
	switch {
	case err != nil:
		return fmt.Sprintf("is %q, but must be a number or a percentage", value.String())
	case n < 1 || value.Type == intstr.String && n > 100:
		return fmt.Sprintf("is %q, but must be at least 1 and at most 100%%", value.String())
	}
	return ""
}

// nameProblems are about names that the set would give: a pod's name is its hostname and a label value.
func nameProblems(set *api.PetSet) (out []string) {
	s := settingsOf(set)
	if last := PodName(set.Name, s.start+max(s.replicas-1, 0)); len(last) > validation.DNS1123LabelMaxLength {
		out = append(out, fmt.Sprintf("the name is too long: pod name %s has %d characters, but a hostname can have %d",
			last, len(last), validation.DNS1123LabelMaxLength))
	}
	seen := map[string]bool{}
	for _, claim := range set.Spec.VolumeClaimTemplates {
		if claim.Name == "" || seen[claim.Name] {
			out = append(out, fmt.Sprintf("spec.volumeClaimTemplates: name %q is empty or used twice", claim.Name))
		}
		seen[claim.Name] = true
	}
	return out
}
