package kube

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

func TestSetCondition(t *testing.T) {
	t.Parallel()
	early, late := metav1.NewTime(time.Unix(1, 0)), metav1.NewTime(time.Unix(2, 0))
	a := sharedv1.Condition{Type: "A", Status: metav1.ConditionTrue, LastTransitionTime: early, Message: "old"}
	b := sharedv1.Condition{Type: "B", Status: metav1.ConditionFalse, LastTransitionTime: early}
	for _, test := range []struct {
		name string
		set  sharedv1.Condition
		want []sharedv1.Condition
	}{
		{"a new one comes last", sharedv1.Condition{Type: "C", Status: metav1.ConditionTrue},
			[]sharedv1.Condition{a, b, {Type: "C", Status: metav1.ConditionTrue, LastTransitionTime: late}}},
		{"another message is no transition", sharedv1.Condition{Type: "A", Status: metav1.ConditionTrue, Message: "new"},
			[]sharedv1.Condition{{Type: "A", Status: metav1.ConditionTrue, Message: "new", LastTransitionTime: early}, b}},
		{"another status is one", sharedv1.Condition{Type: "A", Status: metav1.ConditionFalse},
			[]sharedv1.Condition{{Type: "A", Status: metav1.ConditionFalse, LastTransitionTime: late}, b}},
		{"the same changes nothing", a, []sharedv1.Condition{a, b}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			have := []sharedv1.Condition{a, b}
			SetCondition(&have, test.set, late)
			if diff := cmp.Diff(test.want, have); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
	have := []sharedv1.Condition{a, b}
	RemoveCondition(&have, "A")
	if len(have) != 1 || FindCondition(have, "A") != nil || !ConditionFalse(have, "B") || ConditionTrue(have, "B") {
		t.Errorf("after removing A: %+v", have)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, test := range []struct {
		name     string
		outcome  Outcome
		after    time.Duration
		err      error
		terminal bool
	}{
		{"done", Done(), 0, nil, false},
		{"wait", WaitUntil(time.Minute), time.Minute, nil, false},
		{"failed", Failed(broken), 0, broken, false},
		{"stalled", Stalled(broken), 0, broken, true},
		{"the sooner of two waits", WaitUntil(time.Minute).Sooner(WaitUntil(time.Second)), time.Second, nil, false},
		{"a wait after nothing", Done().Sooner(WaitUntil(time.Second)), time.Second, nil, false},
		{"nothing after a wait", WaitUntil(time.Second).Sooner(Done()), time.Second, nil, false},
		{"an error goes first", WaitUntil(time.Second).Sooner(Failed(broken)), 0, broken, false},
		{"the first error stays", Failed(broken).Sooner(Failed(errors.New("later"))), 0, broken, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result, err := test.outcome.Result()
			if result.RequeueAfter != test.after || !errors.Is(err, test.err) {
				t.Errorf("got %v, %v", result, err)
			}
			if errors.Is(err, reconcile.TerminalError(nil)) != test.terminal {
				t.Errorf("terminal: %v", err)
			}
		})
	}
}
