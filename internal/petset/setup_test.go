package petset

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/event"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

func TestOnlyChangesOfAPodThatMatterStartASync(t *testing.T) {
	t.Parallel()
	set := newSet("ns")
	for _, c := range []struct {
		name   string
		change func(*corev1.Pod)
		want   bool
	}{
		{"an agent's report", func(p *corev1.Pod) {
			p.Annotations = map[string]string{"report": "all is well"}
			p.ResourceVersion = "2"
		}, false},
		{"a condition that is not about readiness", func(p *corev1.Pod) {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue})
		}, false},
		{"readiness", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }, true},
		{"phase", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, true},
		{"deletion", func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(testTime)) }, true},
		{"labels", func(p *corev1.Pod) { p.Labels["app"] = "other" }, true},
		{"owner", func(p *corev1.Pod) { p.OwnerReferences = nil }, true},
	} {
		was := podIn(set, 0, "ready")
		now := was.DeepCopy()
		c.change(now)
		if got := podChanged().Update(event.UpdateEvent{ObjectOld: was, ObjectNew: now}); got != c.want {
			t.Errorf("%s: starts a sync: %t, want %t", c.name, got, c.want)
		}
	}
}

func TestTheCacheHoldsWhatThePetSetControllerMakesAndNothingElse(t *testing.T) {
	t.Parallel()
	set := newSet("ns")
	made := newPod(set, Revision{Name: "r", Template: &set.Spec.Template}, 0)
	ofAStatefulSet := labels.Set{api.PodNameLabel: "web-0", api.PodIndexLabel: "0", api.RevisionLabel: "web-1"}
	kinds := 0
	for _, by := range CacheOptions() {
		kinds++
		if !by.Label.Matches(labels.Set(made.Labels)) {
			t.Error("the cache does not hold a pod of a PetSet")
		}
		if by.Label.Matches(ofAStatefulSet) {
			t.Error("the cache holds a pod of a StatefulSet")
		}
	}
	if kinds != 3 {
		t.Errorf("%d kinds are restricted, want pods, claims and revisions", kinds)
	}
}
