package petset

import (
	"maps"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// PodName is the name of the pod with the given ordinal.
func PodName(set string, ordinal int) string { return set + "-" + strconv.Itoa(ordinal) }

// ClaimName is the name of the claim made from the given template for the pod with the given ordinal.
func ClaimName(template, set string, ordinal int) string {
	return template + "-" + PodName(set, ordinal)
}

// OrdinalOf returns the ordinal of a pod of the set, from its name; false if the name is not one of the set's.
func OrdinalOf(set, pod string) (int, bool) {
	digits, found := strings.CutPrefix(pod, set+"-")
	if !found {
		return 0, false
	}
	ordinal, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || ordinal < 0 || PodName(set, int(ordinal)) != pod {
		return 0, false // PodName again: "db-01" is not the pod of ordinal 1
	}
	return int(ordinal), true
}

// member tells whether a pod is one that the set counts, by name and labels; who controls it is another question.
func member(set *api.PetSet, selector labels.Selector, pod *corev1.Pod) bool {
	_, named := OrdinalOf(set.Name, pod.Name)
	return named && selector.Matches(labels.Set(pod.Labels))
}

// identityLabels are the labels that every pod of the set has, whatever the template says.
func identityLabels(set *api.PetSet, ordinal int) map[string]string {
	return map[string]string{
		api.PodNameLabel:  PodName(set.Name, ordinal),
		api.PodIndexLabel: strconv.Itoa(ordinal),
		api.SetLabel:      set.Name,
	}
}

// withIdentity returns the pod with its identity labels in place, and whether any was missing.
func withIdentity(set *api.PetSet, pod *corev1.Pod, ordinal int) (*corev1.Pod, bool) {
	want := identityLabels(set, ordinal)
	missing := false
	for k, v := range want {
		missing = missing || pod.Labels[k] != v
	}
	if !missing {
		return pod, false
	}
	pod = pod.DeepCopy()
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	maps.Copy(pod.Labels, want)
	return pod, true
}
