package petset

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

var testTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// podSpec says in one word what state a pod of a table is in; the revision is "old" unless the word ends with "+".
func podIn(set *api.PetSet, ordinal int, state string) *corev1.Pod {
	revision := Revision{Name: "old", Template: &set.Spec.Template}
	if state[len(state)-1] == '+' {
		revision.Name, state = "new", state[:len(state)-1]
	}
	pod := newPod(set, revision, ordinal)
	pod.UID = types.UID(fmt.Sprint("uid-", ordinal))
	pod.Status.Phase = corev1.PodRunning
	isReady := corev1.ConditionFalse
	switch state {
	case "ready":
		isReady = corev1.ConditionTrue
	case "stopping":
		isReady = corev1.ConditionTrue
		pod.DeletionTimestamp = ptr.To(metav1.NewTime(testTime))
	case "unready":
	case "pending":
		pod.Status.Phase = corev1.PodPending
	case "failed":
		pod.Status.Phase = corev1.PodFailed
	case "done":
		pod.Status.Phase = corev1.PodSucceeded
	default:
		panic("unknown state " + state)
	}
	pod.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodReady, Status: isReady, LastTransitionTime: metav1.NewTime(testTime.Add(-10 * time.Second)),
	}}
	return pod
}

// observe builds the observation of a set whose pods are in the given states, from ordinal 0 on; "" is a missing pod.
func observe(set *api.PetSet, states ...string) Observed {
	o := Observed{
		Set: set, Now: testTime, Placement: &Placement{},
		Current: Revision{Name: "old", Template: &set.Spec.Template},
		Update:  Revision{Name: "new", Template: &set.Spec.Template},
		Claims:  map[string]*corev1.PersistentVolumeClaim{},
	}
	for ordinal, state := range states {
		for i := range set.Spec.VolumeClaimTemplates {
			claim := newClaim(set, &set.Spec.VolumeClaimTemplates[i], ordinal)
			o.Claims[claim.Name] = claim
		}
		if state != "" {
			o.Pods = append(o.Pods, podIn(set, ordinal, state))
		}
	}
	return o
}

// words puts a plan into words: "create pod db-0 old", "delete pod db-2".
func words(p Plan) (out []string) {
	for _, actions := range p.Work {
		for _, a := range actions {
			switch {
			case a.Verb == CreatePod:
				out = append(out, fmt.Sprintf("%s %s %s", a.Verb, a.Pod.Name, revisionOf(a.Pod)))
			case a.Pod != nil:
				out = append(out, fmt.Sprintf("%s %s", a.Verb, a.Pod.Name))
			default:
				out = append(out, fmt.Sprintf("%s %s", a.Verb, a.Claim.Name))
			}
		}
	}
	return out
}

func maxUnavailable(n intstr.IntOrString) option {
	return func(s *api.PetSet) {
		s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{MaxUnavailable: &n}
	}
}

func minReady(seconds int32) option { return func(s *api.PetSet) { s.Spec.MinReadySeconds = seconds } }

func TestDecide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options []option
		pods    []string
		want    []string
		waiting string
	}{
		{name: "the first pod is created alone", pods: nil,
			want: []string{"create claim data-db-0", "create pod db-0 new"}, waiting: "pod db-0 to become ready"},
		{name: "nothing is created behind a pod that is not ready", pods: []string{"unready+"}, waiting: "pod db-0 to become ready"},
		{name: "nothing is created behind a pod that terminates", pods: []string{"stopping+"}, waiting: "pod db-0 to terminate"},
		{name: "the next pod is created behind a ready one, with its old claim", pods: []string{"ready+", ""},
			want: []string{"create pod db-1 new"}, waiting: "pod db-1 to become ready"},
		{name: "a gap is filled before the set grows", pods: []string{"ready+", "", "ready+"}, options: []option{replicas(5)},
			want: []string{"create pod db-1 new"}, waiting: "pod db-1 to become ready"},
		{name: "in parallel all missing pods are created", options: []option{parallel()}, pods: []string{"", "unready+", ""},
			want: []string{"create pod db-0 new", "create pod db-2 new"}},
		{name: "a failed pod is replaced first", pods: []string{"failed+", "", ""},
			want: []string{"delete pod db-0"}, waiting: "pod db-0, which ended, to be replaced"},
		{name: "a succeeded pod is replaced, too", pods: []string{"ready+", "done+", "ready+"},
			want: []string{"delete pod db-1"}, waiting: "pod db-1, which ended, to be replaced"},
		{name: "minReadySeconds hold the next pod back", options: []option{minReady(30)}, pods: []string{"ready+", ""},
			waiting: "pod db-0 to have been ready for 30s"},
		{name: "minReadySeconds that are over do not", options: []option{minReady(10)}, pods: []string{"ready+", ""},
			want: []string{"create pod db-1 new"}, waiting: "pod db-1 to become ready"},

		{name: "the highest pod is scaled away, alone", options: []option{replicas(1)}, pods: []string{"ready+", "ready+", "ready+"},
			want: []string{"delete pod db-2"}, waiting: "pod db-2 to terminate"},
		{name: "scaling down waits for the pod before", options: []option{replicas(1)}, pods: []string{"ready+", "ready+", "stopping+"},
			waiting: "pod db-2 to terminate"},
		{name: "scaling down waits for the pods that stay", options: []option{replicas(1)}, pods: []string{"unready+", "ready+", "ready+"},
			waiting: "pod db-0 to become ready"},
		{name: "a broken pod does not hold up its own removal nor another's", options: []option{replicas(1)},
			pods: []string{"ready+", "unready+", "unready+"}, want: []string{"delete pod db-2"}, waiting: "pod db-2 to terminate"},
		{name: "in parallel all surplus pods are scaled away", options: []option{replicas(1), parallel()},
			pods: []string{"unready+", "ready+", "ready+"}, want: []string{"delete pod db-2", "delete pod db-1"}},
		{name: "a set of no pods has none", options: []option{replicas(0)}, pods: []string{"ready+"},
			want: []string{"delete pod db-0"}, waiting: "pod db-0 to terminate"},

		{name: "an outdated set is updated from the top, one pod at a time", pods: []string{"ready", "ready", "ready"},
			want: []string{"delete pod db-2"}},
		{name: "the update goes on below what is updated", pods: []string{"ready", "ready", "ready+"}, want: []string{"delete pod db-1"}},
		{name: "the update waits for the pod it replaced", pods: []string{"ready", "ready", "unready+"}, waiting: "pod db-2 to become ready"},
		{name: "the partition ends the update", options: []option{partition(2)}, pods: []string{"ready", "ready", "ready+"}},
		{name: "a pod below the partition comes back as it was", options: []option{partition(2)}, pods: []string{"ready", "", "ready+"},
			want: []string{"create pod db-1 old"}, waiting: "pod db-1 to become ready"},
		{name: "a pod from the partition on comes back updated", options: []option{partition(1)}, pods: []string{"ready", "", "ready+"},
			want: []string{"create pod db-1 new"}, waiting: "pod db-1 to become ready"},
		{name: "with OnDelete nothing is updated", options: []option{onDelete()}, pods: []string{"ready", "ready", "ready"}},
		{name: "with OnDelete whatever is created is new", options: []option{onDelete()}, pods: []string{"ready", "", "ready"},
			want: []string{"create pod db-1 new"}, waiting: "pod db-1 to become ready"},
		{name: "maxUnavailable pods are updated at a time", options: []option{parallel(), maxUnavailable(intstr.FromInt32(2))},
			pods: []string{"ready", "ready", "ready"}, want: []string{"delete pod db-2", "delete pod db-1"}},
		{name: "maxUnavailable as a percentage is rounded down, but not to none", options: []option{parallel(), maxUnavailable(intstr.FromString("50%"))},
			pods: []string{"ready", "ready", "ready"}, want: []string{"delete pod db-2"}},
		{name: "pods that are down count as unavailable", options: []option{parallel(), maxUnavailable(intstr.FromInt32(2))},
			pods: []string{"ready", "ready", "unready+"}, want: []string{"delete pod db-1"}},
		{name: "a terminating pod counts as unavailable", options: []option{parallel()}, pods: []string{"ready", "ready", "stopping"}},
		{name: "a broken outdated pod is replaced before a good one", options: []option{parallel()}, pods: []string{"unready", "ready", "ready"},
			want: []string{"delete pod db-0"}},
		{name: "scaling comes before updating", options: []option{replicas(2)}, pods: []string{"ready", "ready", "ready"},
			want: []string{"delete pod db-2"}, waiting: "pod db-2 to terminate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plan := Decide(observe(newSet("ns", c.options...), c.pods...))
			if got := words(plan); !slices.Equal(got, c.want) {
				t.Errorf("plan is %q, want %q", got, c.want)
			}
			if plan.Waiting != c.waiting {
				t.Errorf("waiting for %q, want %q", plan.Waiting, c.waiting)
			}
		})
	}
}

func TestNothingIsDecidedForASetThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	set := newSet("ns")
	set.DeletionTimestamp = ptr.To(metav1.NewTime(testTime))
	if plan := Decide(observe(set, "failed", "", "ready")); !plan.empty() {
		t.Errorf("plan is %q, want none", words(plan))
	}
}

func TestNothingGoesThatCouldNotBePlacedAgain(t *testing.T) {
	t.Parallel()
	for _, pods := range [][]string{{"failed", "ready", "ready"}, {"ready", "ready", "ready"}, {"", "ready+", "ready+"}} {
		o := observe(newSet("ns", parallel()), pods...)
		o.Placement = nil
		if plan := Decide(o); !plan.empty() {
			t.Errorf("with pods %q the plan is %q, want none", pods, words(plan))
		}
	}
}

func TestTheNextLookIsWhenTheFirstPodBecomesAvailable(t *testing.T) {
	t.Parallel()
	o := observe(newSet("ns", parallel(), minReady(30)), "ready+", "ready+", "unready+")
	o.Pods[1].Status.Conditions[0].LastTransitionTime = metav1.NewTime(testTime.Add(-25 * time.Second))
	if got := Decide(o).RecheckIn; got != 5*time.Second {
		t.Errorf("next look in %s, want in 5s: when pod 1 has been ready for 30s", got)
	}
}

func TestAPendingPodGetsTheClaimsItLacks(t *testing.T) {
	t.Parallel()
	o := observe(newSet("ns", replicas(1)), "pending+")
	delete(o.Claims, "data-db-0")
	if got, want := words(Decide(o)), []string{"create claim data-db-0"}; !slices.Equal(got, want) {
		t.Errorf("plan is %q, want %q", got, want)
	}
}

func TestLostIdentityLabelsComeBack(t *testing.T) {
	t.Parallel()
	o := observe(newSet("ns", replicas(1)), "ready+")
	delete(o.Pods[0].Labels, api.PodNameLabel)
	plan := Decide(o)
	if got, want := words(plan), []string{"label pod db-0"}; !slices.Equal(got, want) {
		t.Fatalf("plan is %q, want %q", got, want)
	}
	if got := plan.Work[0][0].Pod.Labels[api.PodNameLabel]; got != "db-0" {
		t.Errorf("label %s is %q, want db-0", api.PodNameLabel, got)
	}
}

func TestARetainedClaimIsTakenFromTheEarlierPodBeforeTheNewOneIsCreated(t *testing.T) {
	t.Parallel()
	o := observe(newSet("ns", replicas(1)), "")
	o.Claims["data-db-0"].OwnerReferences = []metav1.OwnerReference{ownerRef("v1", "Pod", "db-0", "earlier", true)}
	if got, want := words(Decide(o)), []string{"update claim data-db-0", "create pod db-0 new"}; !slices.Equal(got, want) {
		t.Errorf("plan is %q, want %q", got, want)
	}
}

func TestClaimsAreHandedOverBeforeTheirPodGoes(t *testing.T) {
	t.Parallel()
	o := observe(newSet("ns", replicas(1), retention(retainClaims, deleteClaims)), "ready+", "ready+")
	if got, want := words(Decide(o)), []string{"update claim data-db-1", "delete pod db-1"}; !slices.Equal(got, want) {
		t.Errorf("plan is %q, want %q", got, want)
	}
}
