package kube_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

func service(ns string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "svc", Labels: ours},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "db"}, Ports: []corev1.ServicePort{{Name: "db", Port: 5432, Protocol: corev1.ProtocolTCP}}},
	}
}

// applying is a namespace with an Applier whose writes are counted.
type applying struct {
	testing.TB
	ns     string
	faults *testenv.Faults
	mgr    ctrl.Manager
	*kube.Applier
}

func newApplying(t testing.TB) *applying {
	t.Helper()
	a := &applying{TB: t, ns: env.Namespace(t), faults: &testenv.Faults{}}
	a.mgr, _ = env.Manager(t, testenv.ManagerOptions{Namespace: a.ns, Faults: a.faults, Cache: restricted()})
	a.Applier = kube.NewApplier(a.mgr.GetClient(), "tester")
	return a
}

func (a *applying) apply(o client.Object) kube.Applied {
	a.Helper()
	applied, err := a.Apply(a.Context(), o)
	if err != nil {
		a.Fatalf("apply %s: %v", o.GetName(), err)
	}
	return applied
}

// cached waits until the cache holds what the API server holds.
func (a *applying) cached(name string) *corev1.Service {
	a.Helper()
	cached, live := &corev1.Service{}, &corev1.Service{}
	key := client.ObjectKey{Namespace: a.ns, Name: name}
	testenv.Eventually(a, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, key, live); err != nil {
			return err
		}
		if err := a.mgr.GetClient().Get(ctx, key, cached); err != nil {
			return err
		}
		if cached.ResourceVersion != live.ResourceVersion {
			return fmt.Errorf("the cache is at %s, the API server at %s", cached.ResourceVersion, live.ResourceVersion)
		}
		return nil
	})
	return live
}

func TestApplyingTheSameAgainSendsNothing(t *testing.T) {
	t.Parallel()
	a := newApplying(t)
	first := a.apply(service(a.ns))
	if first.Change != kube.Created || first.UID != a.cached("svc").UID {
		t.Errorf("the first apply gave %+v", first)
	}
	writes := len(a.faults.Writes())
	for range 3 {
		if again := a.apply(service(a.ns)); again != (kube.Applied{Change: kube.Unchanged, UID: first.UID}) {
			t.Errorf("applying again gave %+v", again)
		}
	}
	live := a.cached("svc")
	before := live.DeepCopy()
	live.Status.Conditions = []metav1.Condition{{Type: "A", Status: "True", Reason: "B", LastTransitionTime: metav1.Now()}}
	if err := env.Client.Status().Patch(t.Context(), live, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	a.cached("svc")
	a.apply(service(a.ns))
	if n := len(a.faults.Writes()); n != writes {
		t.Errorf("a change of status alone caused %v", a.faults.Writes()[writes:])
	}
}

func TestApplyRepairsDriftAndTakesBackWhatIsNoLongerWanted(t *testing.T) {
	t.Parallel()
	a := newApplying(t)
	want := service(a.ns)
	want.Annotations = map[string]string{"mine": "1"}
	a.apply(want)
	live := a.cached("svc")
	before := live.DeepCopy()
	live.Spec.Selector["app"], live.Annotations["theirs"] = "other", "1"
	if err := env.Client.Patch(t.Context(), live, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	a.cached("svc")
	if got := a.apply(want); got.Change != kube.Updated {
		t.Errorf("drift was met with %s", got.Change)
	}
	a.apply(service(a.ns))
	got := a.cached("svc")
	if got.Spec.Selector["app"] != "db" || got.Annotations["theirs"] != "1" || got.Annotations["mine"] != "" {
		t.Errorf("selector %v, annotations %v", got.Spec.Selector, got.Annotations)
	}
}

func TestApplyBringsBackWhatSomebodyDeleted(t *testing.T) {
	t.Parallel()
	a := newApplying(t)
	a.apply(service(a.ns))
	a.cached("svc")
	if err := env.Client.Delete(t.Context(), service(a.ns)); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, func(ctx context.Context) error {
		_, err := a.Apply(ctx, service(a.ns))
		if err != nil {
			return err
		}
		return env.Client.Get(ctx, client.ObjectKey{Namespace: a.ns, Name: "svc"}, &corev1.Service{})
	})
}

func TestAnApplyThatFailedIsRepeated(t *testing.T) {
	t.Parallel()
	a := newApplying(t)
	a.faults.FailNth(1, testenv.After, testenv.ErrConnectionLost)
	if _, err := a.Apply(t.Context(), service(a.ns)); err == nil || !strings.Contains(err.Error(), "apply Service "+a.ns+"/svc") {
		t.Fatalf("the lost answer gave %v", err)
	}
	a.apply(service(a.ns))
	if n := len(a.faults.Writes()); n != 2 {
		t.Errorf("there were %d writes, want 2", n)
	}
}

func TestApplyPutsRightWhatSomebodyMadeInvalid(t *testing.T) {
	t.Parallel()
	a := newApplying(t)
	a.apply(service(a.ns))
	live := a.cached("svc")
	ip := live.Spec.ClusterIP
	before := live.DeepCopy()
	live.Spec.Ports[0].Port = 1234 // the port's number is its key: ours would be a second one of the same name
	if err := env.Client.Patch(t.Context(), live, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	a.cached("svc")
	a.apply(service(a.ns))
	got := a.cached("svc")
	if len(got.Spec.Ports) != 1 || got.Spec.Ports[0].Port != 5432 || got.Spec.ClusterIP != ip {
		t.Errorf("the Service is %+v", got.Spec)
	}
	if again := a.apply(service(a.ns)); again.Change != kube.Unchanged {
		t.Errorf("applying again was %s", again.Change)
	}
}

func TestWhatCannotBeAppliedIsAnErrorThatSaysWhy(t *testing.T) {
	t.Parallel()
	a := newApplying(t)
	bad := service(a.ns)
	bad.Spec.Ports[0].Port = 70000
	if _, err := a.Apply(t.Context(), bad); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "70000") {
		t.Errorf("got %v", err)
	}
}
