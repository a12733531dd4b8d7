package petset

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// newClaim builds the claim of an ordinal from a template.
func newClaim(set *api.PetSet, template *corev1.PersistentVolumeClaim, ordinal int) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   set.Namespace,
			Name:        ClaimName(template.Name, set.Name, ordinal),
			Labels:      map[string]string{},
			Annotations: maps.Clone(template.Annotations),
			Finalizers:  slices.Clone(template.Finalizers),
		},
		Spec: *template.Spec.DeepCopy(),
	}
	maps.Copy(claim.Labels, template.Labels)
	maps.Copy(claim.Labels, set.Spec.Selector.MatchLabels)
	claim.Labels[api.SetLabel] = set.Name
	claim.OwnerReferences = claimOwners(set, claim, nil, ordinal)
	return claim
}

// claimOwners returns the owner references that a claim should have by the set's retention policy; pod is the claim's pod,
// nil if it does not exist. The garbage collector does the rest:
//
//	whenDeleted  whenScaled   owner while wanted   owner once scaled away
//	Retain       Retain       nobody               nobody
//	Delete       Retain       the set              the set
//	Retain       Delete       nobody               the pod
//	Delete       Delete       the set              the pod
//
// References to others are kept. A claim that somebody else controls, or whose owner was a namesake of the set or pod, is
// not ours to give away: it gets no reference of ours.
func claimOwners(set *api.PetSet, claim *corev1.PersistentVolumeClaim, pod *corev1.Pod, ordinal int) []metav1.OwnerReference {
	s := settingsOf(set)
	others := slices.DeleteFunc(slices.Clone(claim.OwnerReferences), func(r metav1.OwnerReference) bool {
		return r.UID == set.UID || pod != nil && r.UID == pod.UID
	})
	switch {
	case ownedByNamesake(set, claim, pod):
		return claim.OwnerReferences
	case slices.ContainsFunc(others, func(r metav1.OwnerReference) bool { return ptr.Deref(r.Controller, false) }):
		return others
	case s.deleteOnScale && !s.wants(ordinal):
		if pod == nil {
			return others
		}
		return append(others, metav1.OwnerReference{
			APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID, Controller: ptr.To(true),
		})
	case s.deleteWithSet:
		return append(others, controllerRef(set))
	}
	return others
}

// ownedByNamesake tells whether a claim names an owner of the set's or pod's kind and name but with another UID: an earlier
// incarnation. The garbage collector is about to drop that reference or to delete the claim.
func ownedByNamesake(set *api.PetSet, claim *corev1.PersistentVolumeClaim, pod *corev1.Pod) bool {
	return slices.ContainsFunc(claim.OwnerReferences, func(r metav1.OwnerReference) bool {
		switch {
		case r.APIVersion == api.GroupVersion.String() && r.Kind == api.PetSetKind && r.Name == set.Name:
			return r.UID != set.UID
		case r.APIVersion == "v1" && r.Kind == "Pod" && pod != nil && r.Name == pod.Name:
			return r.UID != pod.UID
		}
		return false
	})
}

// dying tells whether a claim is on its way out, so that a new pod of the ordinal must not be given it: it is being deleted,
// or it belonged to an earlier incarnation of the set, or of the pod and pods take their claims with them.
func dying(set *api.PetSet, claim *corev1.PersistentVolumeClaim, ordinal int) bool {
	if claim.DeletionTimestamp != nil || ownedByNamesake(set, claim, nil) {
		return true
	}
	return settingsOf(set).deleteOnScale && slices.ContainsFunc(claim.OwnerReferences, earlierPod(set, ordinal))
}

// earlierPod recognises references to a pod of the ordinal, where none exists now.
func earlierPod(set *api.PetSet, ordinal int) func(metav1.OwnerReference) bool {
	return func(r metav1.OwnerReference) bool {
		return r.APIVersion == "v1" && r.Kind == "Pod" && r.Name == PodName(set.Name, ordinal)
	}
}

// keepForNewPod is the claim as a pod that is about to be created needs it, and whether that is a change: without references
// to an earlier pod, which would take the claim away, and with the label that lets this controller see it.
func keepForNewPod(set *api.PetSet, claim *corev1.PersistentVolumeClaim, ordinal int) (*corev1.PersistentVolumeClaim, bool) {
	kept := claim.DeepCopy()
	kept.OwnerReferences = slices.DeleteFunc(kept.OwnerReferences, earlierPod(set, ordinal))
	return withOwners(set, claim, claimOwners(set, kept, nil, ordinal))
}

// withOwners returns the claim with the given owners and the set's label, and whether that is a change.
func withOwners(set *api.PetSet, claim *corev1.PersistentVolumeClaim, owners []metav1.OwnerReference) (*corev1.PersistentVolumeClaim, bool) {
	if sameOwners(claim.OwnerReferences, owners) && claim.Labels[api.SetLabel] == set.Name {
		return claim, false
	}
	claim = claim.DeepCopy()
	claim.OwnerReferences = owners
	if claim.Labels == nil {
		claim.Labels = map[string]string{}
	}
	claim.Labels[api.SetLabel] = set.Name
	return claim, true
}

// sameOwners compares references regardless of their order.
func sameOwners(a, b []metav1.OwnerReference) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x metav1.OwnerReference) bool {
		return !slices.ContainsFunc(b, func(y metav1.OwnerReference) bool {
			return x.UID == y.UID && ptr.Deref(x.Controller, false) == ptr.Deref(y.Controller, false)
		})
	})
}
