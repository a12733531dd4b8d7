package petset

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

const (
	retainClaims = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	deleteClaims = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
)

// scenario is a change to a settled set, and what must come of it, whichever write fails on the way.
type scenario struct {
	name    string
	options []option
	// act makes the change; it may sync in between.
	act func(*world)
	// check looks at the settled outcome.
	check func(*world)
}

func scenarios() []scenario {
	return slices.Concat(scalings(), updates(), recoveries())
}

func scalings() []scenario {
	return []scenario{
		{
			name:    "create",
			options: []option{replicas(0)},
			act:     func(w *world) { w.change(replicas(3)) },
			check: func(w *world) {
				w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
				w.wantClaims("data-db-0", "data-db-1", "data-db-2")
			},
		},
		{
			name:    "create in parallel",
			options: []option{replicas(0), parallel()},
			act:     func(w *world) { w.change(replicas(3)) },
			check:   func(w *world) { w.want("db-0 ready one", "db-1 ready one", "db-2 ready one") },
		},
		{
			name: "scale down keeps the claims",
			act:  func(w *world) { w.change(replicas(1)) },
			check: func(w *world) {
				w.want("db-0 ready one")
				w.wantClaims("data-db-0", "data-db-1", "data-db-2")
			},
		},
		{
			name:    "scale down deletes the claims",
			options: []option{retention(retainClaims, deleteClaims)},
			act: func(w *world) {
				w.lossOK = func(ordinal int) bool { return ordinal >= 1 }
				w.change(replicas(1))
			},
			check: func(w *world) {
				w.want("db-0 ready one")
				w.wantClaims("data-db-0")
			},
		},
		{
			name:    "scale down in parallel deletes the claims, and up again makes new ones",
			options: []option{parallel(), retention(deleteClaims, deleteClaims)},
			act: func(w *world) {
				w.lossOK = func(ordinal int) bool { return ordinal >= 1 }
				w.change(replicas(1))
				w.settle()
				w.wantClaims("data-db-0")
				w.change(replicas(2))
			},
			check: func(w *world) {
				w.want("db-0 ready one", "db-1 ready one")
				w.wantClaims("data-db-0", "data-db-1")
			},
		},
	}
}

func updates() []scenario {
	return []scenario{
		{
			name: "rolling update",
			act:  func(w *world) { w.change(image("two")) },
			check: func(w *world) {
				w.want("db-0 ready two", "db-1 ready two", "db-2 ready two")
				if s := w.set().Status; s.CurrentRevision != s.UpdateRevision {
					w.Errorf("current revision %s is not the update revision %s although all pods are updated", s.CurrentRevision, s.UpdateRevision)
				}
			},
		},
		{
			name:    "rolling update with a partition",
			options: []option{partition(2)},
			act: func(w *world) {
				w.change(image("two"))
				w.settle()
				w.delete(get(w, &corev1.Pod{}, "db-0")) // comes back as what it was
			},
			check: func(w *world) { w.want("db-0 ready one", "db-1 ready one", "db-2 ready two") },
		},
		{
			name:    "template change with OnDelete",
			options: []option{onDelete()},
			act: func(w *world) {
				w.change(image("two"))
				w.settle()
				w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
				w.delete(get(w, &corev1.Pod{}, "db-1"))
			},
			check: func(w *world) { w.want("db-0 ready one", "db-1 ready two", "db-2 ready one") },
		},
	}
}

func recoveries() []scenario {
	return []scenario{
		{
			name: "failed and succeeded pods are replaced",
			act: func(w *world) {
				w.kubelet.Fail(w, "db-0")
				w.kubelet.Succeed(w, "db-2")
				w.look()
			},
			check: func(w *world) { w.want("db-0 ready one", "db-1 ready one", "db-2 ready one") },
		},
		{
			name: "delete with orphans and adopt them again",
			act: func(w *world) {
				pods := w.pods
				w.delete(w.set(), client.PropagationPolicy(metav1.DeletePropagationOrphan))
				w.sync()
				w.collect()
				w.create(newSet(w.ns))
				w.settle()
				for name, pod := range w.pods {
					if pod.UID != pods[name].UID {
						w.Errorf("pod %s was replaced, want it adopted", name)
					}
				}
			},
			check: func(w *world) {
				w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
				for name, pod := range w.pods {
					if !metav1.IsControlledBy(&pod, w.set()) {
						w.Errorf("pod %s is not the new set's", name)
					}
				}
				if n := len(list(w, &appsv1.ControllerRevisionList{}).Items); n != 1 {
					w.Errorf("%d revisions, want the one adopted", n)
				}
			},
		},
	}
}

// TestEveryScenarioSurvivesTheFailureOfEachOfItsWrites runs each scenario once to count its writes, and then once per write
// and kind of failure, checking the invariants after each sync and the outcome at the end.
func TestEveryScenarioSurvivesTheFailureOfEachOfItsWrites(t *testing.T) {
	t.Parallel()
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "things"}, "it", errors.New("injected"))
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			writes := len(s.run(t, &testenv.Faults{}))
			if writes == 0 {
				t.Fatal("the scenario writes nothing")
			}
			for n := 1; n <= writes; n++ {
				refusal := error(conflict)
				if n%2 == 0 {
					refusal = testenv.ErrConnectionLost
				}
				for moment, failure := range map[testenv.Moment]error{testenv.Before: refusal, testenv.After: testenv.ErrConnectionLost} {
					faults := &testenv.Faults{}
					faults.FailNth(n, moment, failure)
					seen := s.run(t, faults)
					if t.Failed() {
						t.Fatalf("with write %d (%s) failing %s its effect: %v", n, seen[n-1], moment, failure)
					}
				}
			}
		})
	}
}

// run plays the scenario and returns the writes it took.
func (s scenario) run(t *testing.T, faults *testenv.Faults) []string {
	t.Helper()
	w := newWorld(t, s.options...)
	w.settle()
	w.restart(faults)
	s.act(w)
	w.settle()
	s.check(w)
	return faults.Writes()
}

// TestEveryScenarioComesToItsEndThoughTheControllerIsKilledAfterEachWrite gives each controller one write to live.
func TestEveryScenarioComesToItsEndThoughTheControllerIsKilledAfterEachWrite(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, s.options...)
			w.settle()
			w.mortal = true
			s.act(w)
			w.settle()
			s.check(w)
		})
	}
}

// TestPodsOfABrokenRevisionAreReplaced covers what a StatefulSet with parallel management cannot do either way: repair a
// revision whose pods never get ready.
func TestPodsOfABrokenRevisionAreReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, parallel())
	w.settle()
	w.change(image("broken"))
	w.sync()
	w.kubelet.Finish(t, "db-2")
	w.sync()
	w.kubelet.Run(t, "db-2") // and never ready
	for range 5 {
		w.sync()
	}
	w.want("db-0 ready one", "db-1 ready one", "db-2 Running broken")
	w.change(image("good"))
	w.settle()
	w.want("db-0 ready good", "db-1 ready good", "db-2 ready good")
}

func TestDeletingASetTakesItsPodsAndLeavesOrTakesItsClaimsByPolicy(t *testing.T) {
	t.Parallel()
	for policy, claims := range map[appsv1.PersistentVolumeClaimRetentionPolicyType][]string{
		retainClaims: {"data-db-0", "data-db-1", "data-db-2"},
		deleteClaims: nil,
	} {
		w := newWorld(t, retention(policy, retainClaims))
		w.settle()
		w.lossOK = func(int) bool { return policy == deleteClaims }
		w.delete(w.set(), client.PropagationPolicy(metav1.DeletePropagationBackground))
		w.settle()
		w.want()
		w.wantClaims(claims...)
	}
}

func TestAnOrderedUpdateStopsAtThePodThatCannotBeDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, maxUnavailable(intstr.FromInt32(2)))
	w.settle()
	w.change(image("two"))
	faults := &testenv.Faults{}
	faults.FailNth(3, testenv.Before, testenv.ErrConnectionLost) // after the revision and the status
	w.restart(faults)
	w.sync()
	w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
	w.settle()
	w.want("db-0 ready two", "db-1 ready two", "db-2 ready two")
}

func TestASyncOfASettledSetWritesNothing(t *testing.T) {
	t.Parallel()
	for _, options := range [][]option{nil, {onDelete()}, {parallel(), retention(deleteClaims, deleteClaims)}, {partition(1)}} {
		w := newWorld(t, options...)
		w.settle()
		if _, wrote := w.sync(); wrote != 0 {
			t.Errorf("%d writes: %v", wrote, w.faults.Writes())
		}
		w.restart(&testenv.Faults{})
		if _, wrote := w.sync(); wrote != 0 {
			t.Errorf("%d writes after a restart of the controller: %v", wrote, w.faults.Writes())
		}
	}
}

func TestScalingUpAgainSavesTheClaimsOfAPodThatIsStillTerminating(t *testing.T) {
	t.Parallel()
	w := newWorld(t, retention(retainClaims, deleteClaims))
	w.settle()
	w.change(replicas(2))
	w.sync() // db-2 is terminating, and its claim goes with it
	w.change(replicas(3))
	w.sync() // unless it is wanted again
	w.settle()
	w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
	w.wantClaims("data-db-0", "data-db-1", "data-db-2")
}

func TestANewPodWaitsUntilTheClaimOfItsScaledDownPredecessorIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, retention(retainClaims, deleteClaims))
	w.settle()
	w.lossOK = func(ordinal int) bool { return ordinal == 2 }
	w.change(replicas(2))
	w.sync()
	w.kubelet.Finish(t, "db-2") // its claim is left to the garbage collector, which has not run
	w.change(replicas(3))
	w.look()
	w.sync()
	w.want("db-0 ready one", "db-1 ready one")
	was := get(w, &corev1.PersistentVolumeClaim{}, "data-db-2").UID
	w.settle()
	w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
	if get(w, &corev1.PersistentVolumeClaim{}, "data-db-2").UID == was {
		t.Error("the new pod was given the old claim, which its retention policy had given up")
	}
}

func TestOrdinalsStartWhereTheSpecSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(2), func(s *api.PetSet) { s.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 5} })
	w.settle()
	w.want("db-5 ready one", "db-6 ready one")
	w.change(func(s *api.PetSet) { s.Spec.Ordinals.Start = 6 })
	w.settle()
	w.want("db-6 ready one", "db-7 ready one")
}

func TestPodsHaveTheirIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(2))
	w.settle()
	pod, set := w.pods["db-1"], w.set()
	for key, want := range map[string]string{
		"statefulset.kubernetes.io/pod-name": "db-1",
		"apps.kubernetes.io/pod-index":       "1",
		"controller-revision-hash":           set.Status.UpdateRevision,
		"app":                                "db",
	} {
		if got := pod.Labels[key]; got != want {
			t.Errorf("label %s is %q, want %q", key, got, want)
		}
	}
	if pod.Spec.Hostname != "db-1" || pod.Spec.Subdomain != "db-pods" {
		t.Errorf("hostname and subdomain are %s.%s, want db-1.db-pods", pod.Spec.Hostname, pod.Spec.Subdomain)
	}
	if got := fmt.Sprint(pod.Spec.Volumes[0].Name, " ", pod.Spec.Volumes[0].PersistentVolumeClaim.ClaimName); got != "data data-db-1" {
		t.Errorf("the first volume is %s, want data data-db-1", got)
	}
	if claim := get(w, &corev1.PersistentVolumeClaim{}, "data-db-1"); claim.Labels["app"] != "db" {
		t.Errorf("the claim's labels are %v, want the selector's among them", claim.Labels)
	}
}
