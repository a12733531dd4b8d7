package lease_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/agent/kubeapi"
	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &env, testenv.Options{})) }

var (
	first  = lease.Holder{Pod: "db-0", UID: "u1", Boot: "b1"}
	again  = lease.Holder{Pod: "db-0", UID: "u1", Boot: "b2"}
	second = lease.Holder{Pod: "db-1", UID: "u2", Boot: "b3"}
	noon   = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
)

func TestTheTermGrowsOnlyWhenAnotherPodTakesTheLease(t *testing.T) {
	t.Parallel()
	l := &coordinationv1.Lease{}
	for _, step := range []struct {
		by   lease.Holder
		term int
	}{{first, 1}, {again, 1}, {second, 2}, {second, 2}, {first, 3}} {
		l = lease.Take(l, step.by, "7", noon)
		if lease.Term(l) != step.term {
			t.Errorf("taken by %s: term %d, want %d", step.by, lease.Term(l), step.term)
		}
		if !lease.Held(l, step.by) || lease.HolderPod(l) != step.by.Pod || lease.SystemID(l) != "7" {
			t.Errorf("taken by %s: holder %s, system %s", step.by, lease.HolderPod(l), lease.SystemID(l))
		}
	}
	if got := *l.Spec.LeaseTransitions; got != 2 {
		t.Errorf("%d transitions, want 2", got)
	}
}

func TestAReleasedLeaseKeepsItsRecord(t *testing.T) {
	t.Parallel()
	l := lease.Released(lease.Take(&coordinationv1.Lease{}, first, "7", noon))
	if lease.HolderPod(l) != "" || lease.SystemID(l) != "7" || lease.Term(l) != 1 {
		t.Errorf("holder %q, system %q, term %d", lease.HolderPod(l), lease.SystemID(l), lease.Term(l))
	}
}

func TestChangesLeaveTheirInputAlone(t *testing.T) {
	t.Parallel()
	l := &coordinationv1.Lease{}
	taken := lease.Take(l, first, "7", noon)
	if l.Spec.HolderIdentity != nil || l.Annotations != nil {
		t.Errorf("Take changed its input: %+v", l)
	}
	later := lease.Renewed(taken, noon.Add(time.Second))
	lease.Released(taken)
	if !taken.Spec.RenewTime.Time.Equal(noon) || !lease.Held(taken, first) {
		t.Errorf("Renewed or Released changed its input: %+v", taken)
	}
	if !later.Spec.RenewTime.Time.Equal(noon.Add(time.Second)) || !later.Spec.AcquireTime.Time.Equal(noon) {
		t.Errorf("renewed at %v, acquired at %v", later.Spec.RenewTime, later.Spec.AcquireTime)
	}
}

func TestNothingIsKnownOfALeaseThatDoesNotExist(t *testing.T) {
	t.Parallel()
	if lease.HolderPod(nil) != "" || lease.SystemID(nil) != "" || lease.Held(nil, first) {
		t.Error("a Lease that does not exist has a holder or a system")
	}
}

// keeper returns a Keeper over a fresh Lease on a real API server.
func keeper(t *testing.T, ns string, by lease.Holder) *lease.Keeper {
	t.Helper()
	api, err := kubeapi.New(env.Config, ns)
	if err != nil {
		t.Fatal(err)
	}
	return &lease.Keeper{API: api, Name: "leader", By: by}
}

func newLease(t *testing.T) string {
	t.Helper()
	ns := env.Namespace(t)
	if err := env.Client.Create(t.Context(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "leader"}}); err != nil {
		t.Fatal(err)
	}
	return ns
}

func read(t *testing.T, ns string) *coordinationv1.Lease {
	t.Helper()
	l := &coordinationv1.Lease{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "leader"}, l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAHolderLearnsThatAnotherTookTheLease(t *testing.T) {
	t.Parallel()
	ns := newLease(t)
	one, two := keeper(t, ns, first), keeper(t, ns, second)
	if err := one.Acquire(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Deadline)
	defer cancel()
	lost := make(chan error, 1)
	go func() { lost <- one.Keep(ctx) }()
	if err := two.Acquire(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	if err := <-lost; !errors.Is(err, lease.ErrLost) {
		t.Errorf("Keep returns %v, want ErrLost", err)
	}
	one.Release(t.Context()) // it is no longer the holder's to give back
	if got := lease.HolderPod(read(t, ns)); got != "db-1" {
		t.Errorf("the Lease is held by %q, want db-1", got)
	}
	two.Release(t.Context())
	if got := lease.HolderPod(read(t, ns)); got != "" {
		t.Errorf("the Lease is held by %q after its release", got)
	}
}

func TestARenewalSurvivesSomebodyElsesLabel(t *testing.T) {
	t.Parallel()
	ns := newLease(t)
	k := keeper(t, ns, first)
	if err := k.Acquire(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	l := read(t, ns)
	acquired := l.Spec.RenewTime.Time
	l.Labels = map[string]string{"a": "b"}
	if err := env.Client.Update(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	go func() { kept <- k.Keep(ctx) }()
	testenv.Eventually(t, func(context.Context) error {
		now := read(t, ns)
		if !now.Spec.RenewTime.Time.After(acquired) || now.Labels["a"] != "b" {
			return errors.New("not renewed yet, or the label is gone")
		}
		return nil
	})
	cancel()
	if err := <-kept; err != nil {
		t.Errorf("Keep returns %v", err)
	}
}

func TestALeaseOfAnotherSystemIsNotTaken(t *testing.T) {
	t.Parallel()
	ns := newLease(t)
	if err := keeper(t, ns, first).Acquire(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	err := keeper(t, ns, second).Acquire(t.Context(), "8")
	var mismatch *lease.MismatchError
	if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "system 7") || !strings.Contains(err.Error(), "system 8") {
		t.Errorf("Acquire returns %v, want a mismatch that names both systems", err)
	}
	if got := lease.HolderPod(read(t, ns)); got != "db-0" {
		t.Errorf("the Lease is held by %q, want db-0", got)
	}
}
