package petset

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change option
		want   string // a part of the one problem; empty for none
	}{
		{"a good set", func(*api.PetSet) {}, ""},
		{"no selector", func(s *api.PetSet) { s.Spec.Selector = nil }, "spec.selector is empty"},
		{"empty selector", func(s *api.PetSet) { s.Spec.Selector = &metav1.LabelSelector{} }, "spec.selector is empty"},
		{"selector of others", func(s *api.PetSet) { s.Spec.Selector.MatchLabels = map[string]string{"app": "x"} },
			`spec.selector "app=x" does not match the labels of spec.template`},
		{"nonsense selector", func(s *api.PetSet) {
			s.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Like"}}
		}, "spec.selector is invalid"},
		{"negative replicas", replicas(-1), "spec.replicas is -1"},
		{"negative partition", partition(-2), "partition is -2"},
		{"negative start", func(s *api.PetSet) { s.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: -1} }, "spec.ordinals.start is -1"},
		{"negative minReadySeconds", minReady(-1), "spec.minReadySeconds is -1"},
		{"negative history", func(s *api.PetSet) { s.Spec.RevisionHistoryLimit = ptr.To(int32(-1)) }, "spec.revisionHistoryLimit is -1"},
		{"unknown management", func(s *api.PetSet) { s.Spec.PodManagementPolicy = "Random" }, `spec.podManagementPolicy is "Random"`},
		{"unknown strategy", func(s *api.PetSet) { s.Spec.UpdateStrategy.Type = "Never" }, `spec.updateStrategy.type is "Never"`},
		{"unknown retention", retention("Maybe", retainClaims), `whenDeleted is "Maybe"`},
		{"maxUnavailable of none", maxUnavailable(intstr.FromInt32(0)), "at least 1"},
		{"maxUnavailable of too many", maxUnavailable(intstr.FromString("101%")), "at most 100%"},
		{"maxUnavailable in words", maxUnavailable(intstr.FromString("some")), "must be a number or a percentage"},
		{"a good maxUnavailable", maxUnavailable(intstr.FromString("30%")), ""},
		{"pods that are not restarted", func(s *api.PetSet) { s.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever },
			`restartPolicy is "Never"`},
		{"a name that fits", func(s *api.PetSet) { s.Name = strings.Repeat("x", 61) }, ""},
		{"a name too long for hostnames", func(s *api.PetSet) { s.Name = strings.Repeat("x", 62) }, "has 64 characters"},
		{"a name too long for the last pod", func(s *api.PetSet) { s.Name, s.Spec.Replicas = strings.Repeat("x", 61), ptr.To(int32(11)) },
			"has 64 characters"},
		{"a claim template twice", func(s *api.PetSet) {
			s.Spec.VolumeClaimTemplates = append(s.Spec.VolumeClaimTemplates, s.Spec.VolumeClaimTemplates[0])
		}, `name "data" is empty or used twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Problems(newSet("ns", c.change))
			if c.want == "" {
				if len(got) > 0 {
					t.Errorf("problems %q, want none", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("problems %q, want one with %q", got, c.want)
			}
		})
	}
}

func TestOrdinalsAreReadFromExactNamesOnly(t *testing.T) {
	t.Parallel()
	for pod, want := range map[string]int{"db-0": 0, "db-17": 17, "db-": -1, "db-01": -1, "db--1": -1, "db": -1, "other-1": -1,
		"db-x": -1, "db-1-2": -1, "db-99999999999": -1, "db-+1": -1} {
		got, is := OrdinalOf("db", pod)
		if !is {
			got = -1
		}
		if got != want {
			t.Errorf("ordinal of %s is %d, want %d", pod, got, want)
		}
	}
}

func TestAClaimReplacesAVolumeOfItsName(t *testing.T) {
	t.Parallel()
	set := newSet("ns")
	set.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "data"}, {Name: "scratch"}}
	pod := newPod(set, Revision{Name: "r", Template: &set.Spec.Template}, 0)
	var got []string
	for _, v := range pod.Spec.Volumes {
		claim := ""
		if v.PersistentVolumeClaim != nil {
			claim = v.PersistentVolumeClaim.ClaimName
		}
		got = append(got, v.Name+"="+claim)
	}
	if want := []string{"data=data-db-0", "scratch="}; !slices.Equal(got, want) {
		t.Errorf("volumes are %v, want %v", got, want)
	}
	if len(set.Spec.Template.Spec.Volumes) != 2 || set.Spec.Template.Spec.Volumes[1].Name != "scratch" {
		t.Error("building a pod changed the template")
	}
}
