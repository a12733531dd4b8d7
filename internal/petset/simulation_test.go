package petset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// simulation runs plans against pods in memory, in a world where pods start, fail and terminate as chance will have it.
type simulation struct {
	*testing.T
	chance *rand.Rand
	o      Observed
	uid    int
}

// TestAnySetReachesItsSpecAndKeepsTheRulesOnTheWay runs Decide to completion from random states under random events, and
// checks each plan against the documented rules.
func TestAnySetReachesItsSpecAndKeepsTheRulesOnTheWay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			newSimulation(t, seed).run()
		})
	}
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	s := &simulation{T: t, chance: rand.New(rand.NewPCG(seed, 0))}
	options := []option{replicas(s.chance.Int32N(6))}
	if s.flip() {
		options = append(options, parallel())
	}
	switch s.chance.IntN(3) {
	case 0:
		options = append(options, onDelete())
	case 1:
		options = append(options, partition(s.chance.Int32N(4)))
	case 2:
		options = append(options, maxUnavailable(intstr.FromInt32(1+s.chance.Int32N(3))))
	}
	if s.flip() {
		options = append(options, minReady(30))
	}
	states := make([]string, s.chance.IntN(7))
	for i := range states {
		states[i] = []string{"", "ready", "ready+", "unready", "unready+", "failed", "stopping", "pending+"}[s.chance.IntN(8)]
	}
	s.o = observe(newSet("ns", options...), states...)
	return s
}

func (s *simulation) flip() bool { return s.chance.IntN(2) == 0 }

func (s *simulation) run() {
	for round := range 400 {
		plan := Decide(s.o)
		s.check(plan)
		s.apply(plan)
		if s.Failed() {
			s.Fatalf("in round %d, with pods %v", round, s.pods())
		}
		calm := round > 30 // by then nothing fails any more, and all must come to its end
		if changed := s.live(calm); calm && !changed && plan.empty() && plan.RecheckIn == 0 {
			s.checkEnd()
			return
		}
		s.o.Now = s.o.Now.Add(10 * time.Second)
	}
	s.Fatalf("no end; pods %v", s.pods())
}

// check holds one plan against the rules.
func (s *simulation) check(plan Plan) {
	set := settingsOf(s.o.Set)
	created, deleted, down := 0, 0, 0
	for i := set.start; i < set.start+set.replicas; i++ {
		if !serving(s.pod(i), set.minReady, s.o.Now) {
			down++
		}
	}
	for _, actions := range plan.Work {
		for _, a := range actions {
			switch a.Verb {
			case CreatePod:
				created++
				s.checkCreation(a, set)
			case DeletePod:
				deleted++
				if a.Why != "scaled down" && !ended(a.Pod) {
					if set.onDelete {
						s.Errorf("%s is deleted for an update although the strategy is OnDelete", a.Pod.Name)
					}
					if serving(a.Pod, set.minReady, s.o.Now) {
						down++
					}
					if down > set.maxUnavailable && serving(a.Pod, set.minReady, s.o.Now) {
						s.Errorf("updating %s takes the number of pods that are down to %d, more than %d", a.Pod.Name, down, set.maxUnavailable)
					}
				}
			}
		}
	}
	if set.ordered && created+deleted > 1 && created+deleted > set.maxUnavailable {
		s.Errorf("ordered, but %d pods are created and %d deleted at a time", created, deleted)
	}
}

func (s *simulation) checkCreation(a Action, set settings) {
	if s.pod(a.Ordinal) != nil {
		s.Errorf("%s is created although it exists", a.Pod.Name)
	}
	if !set.wants(a.Ordinal) {
		s.Errorf("%s is created although only %d pods are wanted", a.Pod.Name, set.replicas)
	}
	for i := set.start; set.ordered && i < a.Ordinal; i++ {
		if !serving(s.pod(i), set.minReady, s.o.Now) {
			s.Errorf("%s is created before pod %d is available", a.Pod.Name, i)
		}
	}
}

// apply does what the plan says; chance may stop it half way.
func (s *simulation) apply(plan Plan) {
	for _, actions := range plan.Work {
		for _, a := range actions {
			if s.chance.IntN(10) == 0 {
				return
			}
			switch a.Verb {
			case CreatePod:
				pod := a.Pod.DeepCopy()
				s.uid++
				pod.UID = types.UID(fmt.Sprint("new-", s.uid))
				pod.Status.Phase = corev1.PodPending
				s.o.Pods = append(s.o.Pods, pod)
			case DeletePod:
				if pod := s.pod(a.Ordinal); pod != nil {
					pod.DeletionTimestamp = ptr.To(metav1.NewTime(s.o.Now))
				}
			case LabelPod:
				if pod := s.pod(a.Ordinal); pod != nil {
					pod.Labels = a.Pod.Labels
				}
			case CreateClaim, UpdateClaim:
				s.o.Claims[a.Claim.Name] = a.Claim
			}
		}
	}
}

// live lets time pass for the pods, and returns whether anything happened to them.
func (s *simulation) live(calm bool) (changed bool) {
	for i := 0; i < len(s.o.Pods); i++ {
		pod := s.o.Pods[i]
		if s.flip() {
			changed = changed || !settled(pod)
			continue // not yet
		}
		switch {
		case terminating(pod):
			s.o.Pods = slices.Delete(s.o.Pods, i, i+1)
			i--
			changed = true
		case !calm && s.chance.IntN(20) == 0:
			pod.Status.Phase = corev1.PodFailed
			changed = true
		case !settled(pod):
			pod.Status.Phase = corev1.PodRunning
			pod.Status.Conditions = []corev1.PodCondition{{
				Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(s.o.Now)}}
			changed = true
		}
	}
	return changed
}

// settled tells whether a pod stays as it is if it is left alone.
func settled(pod *corev1.Pod) bool { return !terminating(pod) && (ready(pod) || ended(pod)) }

// checkEnd checks that the set is what its spec says.
func (s *simulation) checkEnd() {
	set := settingsOf(s.o.Set)
	if len(s.o.Pods) != set.replicas {
		s.Errorf("%d pods at the end, want %d: %v", len(s.o.Pods), set.replicas, s.pods())
	}
	for i := set.start; i < set.start+set.replicas; i++ {
		pod := s.pod(i)
		if !ready(pod) {
			s.Errorf("pod %d is not ready at the end: %v", i, s.pods())
		}
		if !set.onDelete && i >= set.start+set.partition && revisionOf(pod) != "new" {
			s.Errorf("pod %d is outdated at the end: %v", i, s.pods())
		}
	}
}

func (s *simulation) pod(ordinal int) *corev1.Pod {
	for _, pod := range s.o.Pods {
		if pod.Name == PodName(setName, ordinal) {
			return pod
		}
	}
	return nil
}

func (s *simulation) pods() (out []string) {
	for _, pod := range s.o.Pods {
		out = append(out, fmt.Sprintf("%s %s ready=%t terminating=%t revision=%s", pod.Name, pod.Status.Phase, ready(pod), terminating(pod), pod.Labels[api.RevisionLabel]))
	}
	return out
}
