package kube_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

func TestAStatusThatIsAsItShallBeIsNotWritten(t *testing.T) {
	t.Parallel()
	ns, faults := env.Namespace(t), &testenv.Faults{}
	c := env.FaultyClient(t, faults)
	pb := newPgBouncer(t, ns)
	ready := sharedv1.Condition{Type: "Ready", Status: metav1.ConditionTrue}
	set := func() { kube.SetCondition(&pb.Status.Conditions, ready, metav1.Now()) }
	for i, want := range []bool{true, false, false} {
		if written, err := kube.PatchStatus(t.Context(), c, c, pb, set); err != nil || written != want {
			t.Errorf("write %d: %t, %v; want %t", i, written, err, want)
		}
	}
	if n := len(faults.Writes()); n != 1 {
		t.Errorf("there were %d writes, want 1", n)
	}
}

func TestAStatusWriteKeepsWhatSomebodyElseWroteMeanwhile(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	mine := newPgBouncer(t, ns)
	theirs := mine.DeepCopy()
	write := func(pb *kubedbv1.PgBouncer, conditionType string) {
		t.Helper()
		_, err := kube.PatchStatus(t.Context(), env.Client, env.Client, pb, func() {
			kube.SetCondition(&pb.Status.Conditions, sharedv1.Condition{Type: conditionType, Status: metav1.ConditionTrue}, metav1.Now())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(theirs, "Theirs")
	write(mine, "Mine")
	if len(mine.Status.Conditions) != 2 {
		t.Errorf("conditions are %+v", mine.Status.Conditions)
	}
}

func TestTheStatusOfWhatIsGoneIsNoError(t *testing.T) {
	t.Parallel()
	pb := newPgBouncer(t, env.Namespace(t))
	if err := env.Client.Delete(t.Context(), pb.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	written, err := kube.PatchStatus(t.Context(), env.Client, env.Client, pb, func() { pb.Status.Phase = "Ready" })
	if written || err != nil {
		t.Errorf("got %t, %v", written, err)
	}
}

func newPgBouncer(t testing.TB, ns string) *kubedbv1.PgBouncer {
	t.Helper()
	pb := &kubedbv1.PgBouncer{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pb"}}
	pb.Spec.Version, pb.Spec.Database.DatabaseName = "1", "app"
	pb.Spec.Database.DatabaseRef = appcatalogv1alpha1.AppReference{Name: "pg", Namespace: ns}
	if err := env.Client.Create(t.Context(), pb); err != nil {
		t.Fatal(err)
	}
	return pb
}
