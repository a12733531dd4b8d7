package database

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestMembersAreInOrderOfTheirPetSetsAndOrdinals(t *testing.T) {
	t.Parallel()
	pod := func(name string, ready, leaving bool) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"role": "role of " + name}}}
		if ready {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}
		if leaving {
			p.DeletionTimestamp = &metav1.Time{}
			*p.DeletionTimestamp = metav1.Now()
		}
		return p
	}
	pods := []corev1.Pod{
		pod("pg-reports-0", true, false), pod("pg-10", true, false), pod("pg-2", true, true), pod("pg-x", true, false), pod("pg", true, false), pod("pg-0", false, false),
	}
	type member struct {
		name, set, role string
		ordinal         int
		ready           bool
	}
	for name, c := range map[string]struct {
		role func(*corev1.Pod) string
		want []member
	}{
		"with roles": {
			func(p *corev1.Pod) string { return p.Labels["role"] },
			[]member{{"pg-0", "pg", "role of pg-0", 0, false}, {"pg-2", "pg", "role of pg-2", 2, false}, {"pg-10", "pg", "role of pg-10", 10, true},
				{"pg-reports-0", "pg-reports", "role of pg-reports-0", 0, true}},
		},
		"all equal": {nil, []member{{"pg-0", "pg", "", 0, false}, {"pg-2", "pg", "", 2, false}, {"pg-10", "pg", "", 10, true}, {"pg-reports-0", "pg-reports", "", 0, true}}},
	} {
		got := MembersOf(pods, c.role)
		if len(got) != len(c.want) {
			t.Fatalf("%s: got %d members, want %d", name, len(got), len(c.want))
		}
		for i, want := range c.want {
			if is := (member{got[i].Pod.Name, got[i].PetSet, got[i].Role, got[i].Ordinal, got[i].Ready}); is != want {
				t.Errorf("%s: member %d is %v, want %v", name, i, is, want)
			}
		}
	}
}
