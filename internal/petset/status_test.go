package petset

import (
	"os"
	"strings"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

func TestStatusCountsThePods(t *testing.T) {
	t.Parallel()
	w := newWorld(t, parallel(), partition(1))
	w.settle()
	w.change(image("two"))
	w.sync() // deletes db-2
	w.sync()
	type counts struct{ replicas, ready, available, current, updated int32 }
	of := func(s api.PetSetStatus) counts {
		return counts{s.Replicas, s.ReadyReplicas, s.AvailableReplicas, s.CurrentReplicas, s.UpdatedReplicas}
	}
	if got, want := of(w.set().Status), (counts{3, 3, 3, 3, 0}); got != want {
		t.Errorf("with a terminating pod: %+v, want %+v", got, want)
	}
	w.kubelet.Finish(t, "db-2")
	w.sync() // creates db-2
	w.sync()
	if got, want := of(w.set().Status), (counts{3, 2, 2, 2, 1}); got != want {
		t.Errorf("with a pending pod: %+v, want %+v", got, want)
	}
	w.settle()
	status := w.set().Status
	if got, want := of(status), (counts{3, 3, 3, 1, 2}); got != want {
		t.Errorf("with one pod below the partition: %+v, want %+v", got, want)
	}
	if status.CurrentRevision == status.UpdateRevision {
		t.Error("the current revision is the update revision although a pod is not updated")
	}
	if set := w.set(); status.ObservedGeneration != set.Generation {
		t.Errorf("observed generation is %d, want %d", status.ObservedGeneration, set.Generation)
	}
}

// TestNoPodIsTouchedBeforeTheStatusNamesTheRevisions: which template the pods are still of stands nowhere else.
func TestNoPodIsTouchedBeforeTheStatusNamesTheRevisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	faults := &testenv.Faults{}
	faults.FailNth(2, testenv.Before, testenv.ErrConnectionLost) // the first write is the revision, the second the status
	w.restart(faults)
	w.sync()
	w.want()
	w.wantClaims()
	if n := len(faults.Writes()); n != 2 {
		t.Errorf("%d writes, want revision and status: %v", n, faults.Writes())
	}
}

func TestAPodIsAvailableAfterMinReadySeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, minReady(60))
	w.sync()
	w.kubelet.ReadySince(t, "db-0", w.now.Add(-45*time.Second))
	w.look()
	result, _ := w.sync()
	if s := w.set().Status; s.ReadyReplicas != 1 || s.AvailableReplicas != 0 {
		t.Errorf("after 45 s: %d ready, %d available, want 1 and 0", s.ReadyReplicas, s.AvailableReplicas)
	}
	if left := result.RequeueAfter; left <= 14*time.Second || left > 16*time.Second {
		t.Errorf("looks again in %s, want in 15s", left)
	}
	w.want("db-0 ready one")
	w.now = w.now.Add(16 * time.Second)
	w.sync() // creates db-1, which brings the round that counts
	w.sync()
	if s := w.set().Status; s.AvailableReplicas != 1 {
		t.Errorf("after 61 s %d are available, want 1", s.AvailableReplicas)
	}
	w.want("db-0 ready one", "db-1 Pending one")
}

func TestAnInvalidSetIsReportedAndLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle()
	w.change(func(s *api.PetSet) { s.Spec.Template.Labels = map[string]string{"app": "other"}; s.Spec.Replicas = nil })
	w.sync()
	if c := w.condition(api.PetSetValid); c == nil || c.Status != corev1.ConditionFalse || !strings.Contains(c.Message, "does not match the labels of spec.template") {
		t.Errorf("condition Valid is %v", c)
	}
	w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
	if got := <-lastEvent(w, api.ReasonInvalidSpec); got == "" {
		t.Error("no event says so")
	}
	if _, wrote := w.sync(); wrote != 0 {
		t.Errorf("an invalid set is written to again and again: %v", w.faults.Writes())
	}
	w.change(func(s *api.PetSet) { s.Spec.Template.Labels = map[string]string{"app": "db"} })
	w.settle()
	if c := w.condition(api.PetSetValid); c != nil {
		t.Errorf("condition Valid is still there: %v", c)
	}
	w.want("db-0 ready one")
}

// lastEvent gives an event with the reason, if there was one.
func lastEvent(w *world, reason string) <-chan string {
	out := make(chan string, 1)
	defer close(out)
	for {
		select {
		case e := <-w.events.Events:
			if strings.Contains(e, reason) {
				out <- e
				return out
			}
		default:
			return out
		}
	}
}

func TestNoPodIsCreatedWithoutThePolicyThatTheSetNames(t *testing.T) {
	t.Parallel()
	name := "policy-" + env.Namespace(t)
	w := newWorld(t, func(s *api.PetSet) { s.Spec.PodPlacementPolicy = &corev1.LocalObjectReference{Name: name} })
	w.sync()
	w.want()
	w.wantClaims()
	if c := w.condition(api.PetSetPlaceable); c == nil || c.Status != corev1.ConditionFalse || c.Reason != api.ReasonPolicyNotFound || !strings.Contains(c.Message, name) {
		t.Errorf("condition Placeable is %v", c)
	}
	if got := <-lastEvent(w, api.ReasonPolicyNotFound); got == "" {
		t.Error("no event says so")
	}

	w.create(shippedPolicy(t, name))
	w.settle()
	w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
	if c := w.condition(api.PetSetPlaceable); c == nil || c.Status != corev1.ConditionTrue {
		t.Errorf("condition Placeable is %v", c)
	}
	for pod, p := range w.pods {
		if got := len(p.Spec.TopologySpreadConstraints); got != 2 {
			t.Errorf("pod %s has %d spread constraints, want zone and node", pod, got)
		}
	}

	// Without the policy nothing goes that could not come back.
	w.delete(&api.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}})
	w.kubelet.Fail(t, "db-1")
	w.change(image("two"))
	w.look()
	w.sync()
	w.want("db-0 ready one", "db-1 Failed one", "db-2 ready one")
}

// shippedPolicy reads the policy that Matriarch ships, under another name: policies are not in a namespace.
func shippedPolicy(t *testing.T, name string) *api.PlacementPolicy {
	t.Helper()
	text, err := os.ReadFile("../../config/placement/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policy := &api.PlacementPolicy{}
	if err := yaml.UnmarshalStrict(text, policy); err != nil {
		t.Fatalf("the shipped policy: %v", err)
	}
	if policy.Name != "default" {
		t.Errorf("the shipped policy is named %q, want default", policy.Name)
	}
	policy.Name = name
	return policy
}

func TestAPolicyThatCannotBeEvaluatedIsReported(t *testing.T) {
	t.Parallel()
	name := "policy-" + env.Namespace(t)
	policy := domains(corev1.DoNotSchedule, "a", "obj.spec.replicas/0")
	policy.Name = name
	if err := env.Client.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(s *api.PetSet) { s.Spec.PodPlacementPolicy = &corev1.LocalObjectReference{Name: name} })
	w.sync()
	w.want()
	if c := w.condition(api.PetSetPlaceable); c == nil || c.Reason != api.ReasonPolicyInvalid || !strings.Contains(c.Message, "divi") {
		t.Errorf("condition Placeable is %v", c)
	}
}

func TestADistributedSetIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *api.PetSet) { s.Spec.Distributed = true })
	w.sync()
	w.want()
	if c := w.condition(api.PetSetPlaceable); c == nil || c.Reason != api.ReasonDistributedUnsupported {
		t.Errorf("condition Placeable is %v", c)
	}
	if got := <-lastEvent(w, api.ReasonDistributedUnsupported); got == "" {
		t.Error("no event says so")
	}
	w.change(func(s *api.PetSet) { s.Spec.Distributed = false })
	w.settle()
	w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
	if c := w.condition(api.PetSetPlaceable); c != nil {
		t.Errorf("condition Placeable is still %v although the set names no policy", c)
	}
}

func TestWhatTheAPIServerRefusesIsReportedInItsWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *api.PetSet) { s.Spec.Template.Spec.Containers[0].ImagePullPolicy = "Perhaps" })
	err := w.fails()
	if !strings.Contains(err.Error(), "imagePullPolicy") {
		t.Errorf("error is %v, want the API server's", err)
	}
	if c := w.condition(api.PetSetReplicaFailure); c == nil || !strings.Contains(c.Message, "imagePullPolicy") {
		t.Errorf("condition ReplicaFailure is %v", c)
	}
	if got := <-lastEvent(w, reasonFailed); !strings.Contains(got, "imagePullPolicy") {
		t.Errorf("event is %q, want the API server's words", got)
	}
	w.change(func(s *api.PetSet) { s.Spec.Template.Spec.Containers[0].ImagePullPolicy = "" })
	w.settle()
	if c := w.condition(api.PetSetReplicaFailure); c != nil {
		t.Errorf("condition ReplicaFailure is still %v", c)
	}
}

func TestASetIsScaledThroughItsSubresource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle()
	scale := &autoscalingv1.Scale{}
	if err := env.Client.SubResource("scale").Get(t.Context(), w.set(), scale); err != nil {
		t.Fatal(err)
	}
	if scale.Spec.Replicas != 3 || scale.Status.Replicas != 3 || scale.Status.Selector != "app=db" {
		t.Errorf("scale is %+v %+v", scale.Spec, scale.Status)
	}
	scale.Spec.Replicas = 1
	if err := env.Client.SubResource("scale").Update(t.Context(), w.set(), client.WithSubResourceBody(scale)); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.want("db-0 ready one")
}

func TestWhatIdentifiesThePodsCannotBeChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for field, change := range map[string]option{
		"spec.serviceName":          func(s *api.PetSet) { s.Spec.ServiceName = "other" },
		"spec.selector":             func(s *api.PetSet) { s.Spec.Selector.MatchLabels = map[string]string{"app": "other"} },
		"spec.podManagementPolicy":  parallel(),
		"spec.volumeClaimTemplates": func(s *api.PetSet) { s.Spec.VolumeClaimTemplates = nil },
	} {
		set := w.set()
		change(set)
		err := env.Client.Update(t.Context(), set)
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), field+" cannot be changed") {
			t.Errorf("%s: error is %v, want a refusal", field, err)
		}
	}
	w.change(func(s *api.PetSet) { s.Spec.PodManagementPolicy = "OrderedReady" }) // what unset means
}

func TestNotesOfEventsAreCutToWhatTheAPIServerTakes(t *testing.T) {
	t.Parallel()
	if got := noteOf("short"); got != "short" {
		t.Errorf("a short note becomes %q", got)
	}
	for _, letter := range []string{"x", "é", "€"} {
		got := noteOf(strings.Repeat(letter, 2000))
		if len(got) > 1024 || !strings.HasSuffix(got, letter+"…") {
			t.Errorf("a long note of %s has %d bytes and ends in %q", letter, len(got), got[len(got)-8:])
		}
	}
}
