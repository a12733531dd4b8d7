package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &env, testenv.Options{})) }

func TestAWriteThatFailsBeforeItsEffectLeavesNothing(t *testing.T) {
	t.Parallel()
	ns, faults := env.Namespace(t), &testenv.Faults{}
	faults.FailNth(2, testenv.Before, testenv.ErrConnectionLost)
	c := env.FaultyClient(t, faults)

	if err := c.Create(t.Context(), configMap(ns, "first")); err != nil {
		t.Fatalf("the first write fails, only the second should: %v", err)
	}
	if err := c.Create(t.Context(), configMap(ns, "second")); !errors.Is(err, testenv.ErrConnectionLost) {
		t.Fatalf("the second write returns %v, want the injected error", err)
	}
	if exists(t, configMap(ns, "second")) {
		t.Error("the object exists although its write never reached the API server")
	}
	if got := faults.Fired(); got != 1 {
		t.Errorf("%d writes failed, want 1", got)
	}
	if got := len(faults.Writes()); got != 2 {
		t.Errorf("%d writes seen, want 2: %v", got, faults.Writes())
	}
}

func TestAWriteThatFailsAfterItsEffectHasHappened(t *testing.T) {
	t.Parallel()
	ns, faults := env.Namespace(t), &testenv.Faults{}
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "configmaps"}, "a", errors.New("changed meanwhile"))
	faults.FailNth(1, testenv.After, conflict)

	err := env.FaultyClient(t, faults).Create(t.Context(), configMap(ns, "a"))
	if !apierrors.IsConflict(err) {
		t.Fatalf("the write returns %v, want the injected conflict", err)
	}
	if !exists(t, configMap(ns, "a")) {
		t.Error("the object does not exist although only the answer was lost")
	}
}

func TestAllWritesFailFromTheOneOn(t *testing.T) {
	t.Parallel()
	ns, faults := env.Namespace(t), &testenv.Faults{}
	faults.FailFrom(2, testenv.ErrConnectionLost)
	c := env.FaultyClient(t, faults)
	var got []bool
	for _, name := range []string{"a", "b", "c"} {
		got = append(got, c.Create(t.Context(), configMap(ns, name)) == nil)
	}
	if !got[0] || got[1] || got[2] {
		t.Errorf("writes succeed: %v, want only the first", got)
	}
}

func TestTheKubeletMakesAPodReadyAndFinishesItsDeletion(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	kubelet, p := env.Kubelet(ns), pod(ns, "p")
	create(t, p)
	kubelet.Ready(t, "p")
	if err := env.Client.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if !exists(t, pod(ns, "p")) {
		t.Fatal("a pod that is bound to a node went without its kubelet")
	}
	kubelet.Finish(t, "p")
	if exists(t, pod(ns, "p")) {
		t.Error("the pod is still there after its deletion was finished")
	}
}

func TestTheKubeletServesPodsAsTheyCome(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	env.Kubelet(ns).Serve(t)
	create(t, pod(ns, "p"))
	testenv.Eventually(t, func(ctx context.Context) error {
		p := pod(ns, "p")
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
			return err
		}
		if p.Status.Phase != corev1.PodRunning {
			return fmt.Errorf("the pod is %s, want Running", p.Status.Phase)
		}
		return nil
	})
}

func TestGarbageGoesWithItsLastOwner(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	owner, other := configMap(ns, "owner"), configMap(ns, "other")
	create(t, owner)
	create(t, other)
	one, both, claim := configMap(ns, "one"), configMap(ns, "both"), claim(ns, "claim")
	one.OwnerReferences = refs(owner)
	both.OwnerReferences = refs(owner, other)
	claim.OwnerReferences = refs(owner)
	for _, o := range []client.Object{one, both, claim} {
		create(t, o)
	}
	user := pod(ns, "user")
	user.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}}}}
	create(t, user)

	if err := env.Client.Delete(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	env.Collect(t, ns)

	if exists(t, configMap(ns, "one")) {
		t.Error("an object outlived its only owner")
	}
	if !exists(t, configMap(ns, "both")) {
		t.Error("an object with an owner left was deleted")
	}
	if !exists(t, claim) {
		t.Error("a claim went while a pod used it")
	}
	if err := env.Client.Delete(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	env.Collect(t, ns)
	if exists(t, claim) {
		t.Error("a deleted claim stayed although no pod uses it")
	}
}

func TestOrphaningDeletionKeepsTheDependents(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	owner := configMap(ns, "owner")
	create(t, owner)
	child := configMap(ns, "child")
	child.OwnerReferences = refs(owner)
	create(t, child)
	if err := env.Client.Delete(t.Context(), owner, client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatal(err)
	}
	env.Collect(t, ns)
	if exists(t, configMap(ns, "owner")) {
		t.Error("the owner is still there")
	}
	if !exists(t, child) {
		t.Fatal("the dependent went with its owner")
	}
	if len(child.OwnerReferences) != 0 {
		t.Errorf("the dependent still names its owner: %v", child.OwnerReferences)
	}
}

func configMap(ns, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
}

func pod(ns, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}},
	}
}

func claim(ns, name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
}

func refs(owners ...*corev1.ConfigMap) (out []metav1.OwnerReference) {
	for _, o := range owners {
		out = append(out, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: o.Name, UID: o.UID})
	}
	return out
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := env.Client.Create(t.Context(), o); err != nil {
		t.Fatalf("create %s: %v", o.GetName(), err)
	}
}

func exists(t *testing.T, o client.Object) bool {
	t.Helper()
	err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o)
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatalf("read %s: %v", o.GetName(), err)
	}
	return err == nil
}
