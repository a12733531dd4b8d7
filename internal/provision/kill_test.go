package provision

import (
	"fmt"
	"testing"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// killed lists the writes after, or instead of, which the operator dies. One pass over a new instance writes about
// twenty times, the PetSet controller's writes included.
const killed = 27

func TestAnOperatorKilledBetweenAnyTwoWritesEndsTheSame(t *testing.T) {
	t.Parallel()
	moments := []testenv.Moment{testenv.Before, testenv.After}
	for n := 1; n <= killed; n += 2 {
		moment := moments[n/2%2]
		t.Run(fmt.Sprintf("%s write %d", moment, n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.kubelet.Serve(t)
			faults := &testenv.Faults{}
			faults.FailNth(n, moment, testenv.ErrConnectionLost)
			w.restart(faults)
			w.create(replicas(2))
			w.eventually(func() error { // where everything is written before the n-th write, there is nothing to kill
				if faults.Fired() > 0 || w.instance().Status.Phase == sharedv1.PhaseReady {
					return nil
				}
				return fmt.Errorf("%d writes so far", len(faults.Writes()))
			})
			w.restart(&testenv.Faults{})
			w.becomes(sharedv1.PhaseReady)
		})
	}
}

func TestADeletionKilledBetweenAnyTwoWritesEndsTheSame(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 8; n++ {
		t.Run(fmt.Sprintf("write %d", n), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.kubelet.Serve(t)
			w.create(policy(sharedv1.DeletionPolicyWipeOut))
			w.becomes(sharedv1.PhaseReady)
			w.settles()
			faults := &testenv.Faults{}
			w.restart(faults)
			w.settles()
			faults.FailNth(len(faults.Writes())+n, testenv.After, testenv.ErrConnectionLost)
			w.delete()
			w.eventually(func() error {
				env.Collect(w, w.ns)
				if faults.Fired() > 0 || w.find(&pgBouncer{}, "db") != nil {
					return nil
				}
				return fmt.Errorf("%d writes so far", len(faults.Writes()))
			})
			w.restart(&testenv.Faults{})
			for name, o := range leftovers() {
				w.goes(o, name)
			}
		})
	}
}
