package kube_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

func overSecret(ns, value string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "s"}, Data: map[string][]byte{"key": []byte(value)},
	}
}

func TestOverReplacesWhatWasRead(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	live := overSecret(ns, "1")
	live.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "u"}}
	if err := env.Client.Create(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	back, err := kube.Over{Client: env.Client, Owner: "test"}.Apply(t.Context(), live, overSecret(ns, "2"))
	if err != nil {
		t.Fatal(err)
	}
	if back.GetResourceVersion() == live.ResourceVersion || len(back.GetOwnerReferences()) != 1 {
		t.Errorf("version %s -> %s, owners %v", live.ResourceVersion, back.GetResourceVersion(), back.GetOwnerReferences())
	}
	now := &corev1.Secret{}
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(live), now); err != nil || string(now.Data["key"]) != "2" {
		t.Errorf("the Secret holds %q, %v", now.Data["key"], err)
	}
}

func TestOverAsksWithoutChangingAnything(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	live := overSecret(ns, "1")
	if err := env.Client.Create(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	if _, err := (kube.Over{Client: env.Client, Owner: "test", DryRun: true}).Apply(t.Context(), live, overSecret(ns, "2")); err != nil {
		t.Fatal(err)
	}
	now := &corev1.Secret{}
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(live), now); err != nil || string(now.Data["key"]) != "1" {
		t.Errorf("the Secret holds %q, %v", now.Data["key"], err)
	}
}

func TestOverWritesOverNothingElse(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*testing.T, *corev1.Secret){
		"changed": func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			s.Data = map[string][]byte{"key": []byte("theirs")}
			must(t, env.Client.Update(t.Context(), s))
		},
		"deleted": func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			must(t, env.Client.Delete(t.Context(), s))
		},
		"made anew": func(t *testing.T, s *corev1.Secret) {
			t.Helper()
			must(t, env.Client.Delete(t.Context(), s))
			must(t, env.Client.Create(t.Context(), overSecret(s.Namespace, "theirs")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := env.Namespace(t)
			live := overSecret(ns, "1")
			must(t, env.Client.Create(t.Context(), live))
			meanwhile(t, live.DeepCopy())
			_, err := kube.Over{Client: env.Client, Owner: "test"}.Apply(t.Context(), live, overSecret(ns, "ours"))
			if !apierrors.IsConflict(err) {
				t.Errorf("got %v, want a conflict", err)
			}
			now := &corev1.Secret{}
			err = env.Client.Get(t.Context(), client.ObjectKeyFromObject(live), now)
			if client.IgnoreNotFound(err) != nil || string(now.Data["key"]) == "ours" {
				t.Errorf("the Secret holds %q, %v", now.Data["key"], err)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasMadeCanLoseAFieldByAnApply(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	over := kube.Over{Client: env.Client, Owner: "test"}
	first := overSecret(ns, "1")
	first.Data["other"] = []byte("2")
	if err := over.Make(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	now := &corev1.Secret{}
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(first), now); err != nil {
		t.Fatal(err)
	}
	if _, err := over.Apply(t.Context(), now, overSecret(ns, "1")); err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(first), now); err != nil || len(now.Data) != 1 {
		t.Errorf("the Secret holds %v, %v", now.Data, err)
	}
}

func TestAnApplierDoesNotApplyOnceMoreWhatWasAppliedForIt(t *testing.T) {
	t.Parallel()
	a := newApplying(t)
	over := kube.Over{Client: a.mgr.GetClient(), Owner: "tester", Memory: a.Applier}
	made := service(a.ns)
	if err := over.Make(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	live := &corev1.Service{}
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(made), live); err != nil {
		t.Fatal(err)
	}
	changed := service(a.ns)
	changed.Spec.Ports[0].Port = 5433
	if _, err := over.Apply(t.Context(), live, changed); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, func(ctx context.Context) error {
		return a.mgr.GetClient().Get(ctx, client.ObjectKeyFromObject(made), live)
	})
	writes := len(a.faults.Writes())
	if got := a.apply(changed).Change; got != kube.Unchanged || len(a.faults.Writes()) != writes {
		t.Errorf("%s, with %d writes", got, len(a.faults.Writes())-writes)
	}
	if got := a.apply(service(a.ns)).Change; got != kube.Updated {
		t.Errorf("what is wanted now is another, and it is %s", got)
	}
}
