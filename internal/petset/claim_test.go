package petset

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

func claimOwnedBy(refs ...metav1.OwnerReference) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
		Name: "data-db-1", Labels: map[string]string{api.SetLabel: setName}, OwnerReferences: refs}}
}

func ownerRef(apiVersion, kind, name, uid string, controller bool) metav1.OwnerReference {
	ref := metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID(uid)}
	if controller {
		ref.Controller = ptr.To(true)
	}
	return ref
}

// owners puts references into words: "PetSet/set Pod/pod".
func owners(refs []metav1.OwnerReference) string {
	var out []string
	for _, r := range refs {
		out = append(out, r.Kind+"/"+string(r.UID))
	}
	return strings.Join(out, " ")
}

func TestClaimsBelongToWhomTheRetentionPolicySays(t *testing.T) {
	t.Parallel()
	const group = "apps.k8s.appscode.com/v1"
	ofSet, ofPod := ownerRef(group, "PetSet", "db", "set", true), ownerRef("v1", "Pod", "db-1", "pod", true)
	for _, c := range []struct {
		name                  string
		options               []option
		has                   []metav1.OwnerReference
		wanted, scaled, noPod string // owners while wanted, once scaled away, and scaled away without a pod
	}{
		{name: "retain", wanted: "", scaled: "", noPod: ""},
		{name: "retain takes references back", has: []metav1.OwnerReference{ofSet, ofPod}, noPod: "Pod/pod"},
		{name: "delete with the set", options: []option{retention(deleteClaims, retainClaims)},
			wanted: "PetSet/set", scaled: "PetSet/set", noPod: "PetSet/set"},
		{name: "delete when scaled", options: []option{retention(retainClaims, deleteClaims)}, scaled: "Pod/pod"},
		{name: "delete in both cases", options: []option{retention(deleteClaims, deleteClaims)}, has: []metav1.OwnerReference{ofSet},
			wanted: "PetSet/set", scaled: "Pod/pod"},
		{name: "other owners stay", options: []option{retention(deleteClaims, deleteClaims)},
			has:    []metav1.OwnerReference{ownerRef("kubedb.com/v1", "Postgres", "db", "pg", false)},
			wanted: "Postgres/pg PetSet/set", scaled: "Postgres/pg Pod/pod", noPod: "Postgres/pg"},
		{name: "another controller keeps the claim to itself", options: []option{retention(deleteClaims, deleteClaims)},
			has:    []metav1.OwnerReference{ownerRef("kubedb.com/v1", "Postgres", "db", "pg", true), ofSet},
			wanted: "Postgres/pg", scaled: "Postgres/pg", noPod: "Postgres/pg"},
		{name: "an earlier set of the name is left to the garbage collector", options: []option{retention(deleteClaims, deleteClaims)},
			has:    []metav1.OwnerReference{ownerRef(group, "PetSet", "db", "earlier", true)},
			wanted: "PetSet/earlier", scaled: "PetSet/earlier", noPod: "PetSet/earlier"},
		{name: "an earlier pod of the name likewise", options: []option{retention(retainClaims, deleteClaims)},
			has:    []metav1.OwnerReference{ownerRef("v1", "Pod", "db-1", "earlier", true)},
			wanted: "Pod/earlier", scaled: "Pod/earlier", noPod: "Pod/earlier"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "db-1", UID: "pod"}}
			check := func(when string, n int32, pod *corev1.Pod, want string) {
				set := newSet("ns", append(c.options, replicas(n))...)
				set.UID = "set"
				if got := owners(claimOwners(set, claimOwnedBy(c.has...), pod, 1)); got != want {
					t.Errorf("%s: owners are %q, want %q", when, got, want)
				}
			}
			check("wanted", 2, pod, c.wanted)
			check("scaled away", 1, pod, c.scaled)
			check("scaled away, and the pod is gone", 1, nil, c.noPod)
		})
	}
}

func TestAClaimOnItsWayOutIsNotGivenToANewPod(t *testing.T) {
	t.Parallel()
	earlierPod := ownerRef("v1", "Pod", "db-1", "earlier", true)
	for _, c := range []struct {
		name  string
		claim *corev1.PersistentVolumeClaim
		set   *api.PetSet
		want  bool
	}{
		{"kept", claimOwnedBy(), newSet("ns"), false},
		{"being deleted", func() *corev1.PersistentVolumeClaim {
			c := claimOwnedBy()
			c.DeletionTimestamp = ptr.To(metav1.Now())
			return c
		}(), newSet("ns"), true},
		{"of an earlier set", claimOwnedBy(ownerRef("apps.k8s.appscode.com/v1", "PetSet", "db", "earlier", true)), newSet("ns"), true},
		{"of an earlier pod that takes its claims with it", claimOwnedBy(earlierPod), newSet("ns", retention(retainClaims, deleteClaims)), true},
		{"of an earlier pod, but claims are retained now", claimOwnedBy(earlierPod), newSet("ns"), false},
		{"of another pod", claimOwnedBy(ownerRef("v1", "Pod", "other", "x", true)), newSet("ns", retention(retainClaims, deleteClaims)), false},
	} {
		c.set.UID = "set"
		if got := dying(c.set, c.claim, 1); got != c.want {
			t.Errorf("%s: dying is %t, want %t", c.name, got, c.want)
		}
	}
}

func TestARetainedClaimIsTakenFromAnEarlierPod(t *testing.T) {
	t.Parallel()
	set := newSet("ns")
	kept, changed := keepForNewPod(set, claimOwnedBy(ownerRef("v1", "Pod", "db-1", "earlier", true)), 1)
	if !changed || len(kept.OwnerReferences) != 0 {
		t.Errorf("changed is %t, owners are %v, want none", changed, kept.OwnerReferences)
	}
	if _, changed := keepForNewPod(set, claimOwnedBy(), 1); changed {
		t.Error("a claim that is as it should be is changed")
	}
}

func TestANewClaimIsItsTemplateWithTheSetsLabels(t *testing.T) {
	t.Parallel()
	set := newSet("ns", retention(deleteClaims, retainClaims))
	set.UID = "set"
	template := &set.Spec.VolumeClaimTemplates[0]
	template.Labels = map[string]string{"own": "label", "app": "overridden"}
	template.Annotations = map[string]string{"a": "b"}
	claim := newClaim(set, template, 4)
	if claim.Name != "data-db-4" || claim.Namespace != "ns" || claim.Annotations["a"] != "b" {
		t.Errorf("metadata is %v", claim.ObjectMeta)
	}
	for key, want := range map[string]string{"own": "label", "app": "db", api.SetLabel: "db"} {
		if claim.Labels[key] != want {
			t.Errorf("label %s is %q, want %q", key, claim.Labels[key], want)
		}
	}
	if got := owners(claim.OwnerReferences); got != "PetSet/set" {
		t.Errorf("owners are %q, want the set", got)
	}
	if template.Labels["app"] != "overridden" {
		t.Error("the template was changed")
	}
}
