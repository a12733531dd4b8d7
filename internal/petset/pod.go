package petset

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// newPod builds the pod of an ordinal from a revision's template: the template plus identity and storage. Placement is
// added by the caller.
func newPod(set *api.PetSet, revision Revision, ordinal int) *corev1.Pod {
	template := revision.Template.DeepCopy()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       set.Namespace,
			Name:            PodName(set.Name, ordinal),
			Labels:          template.Labels,
			Annotations:     template.Annotations,
			Finalizers:      template.Finalizers,
			OwnerReferences: []metav1.OwnerReference{controllerRef(set)},
		},
		Spec: template.Spec,
	}
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	maps.Copy(pod.Labels, identityLabels(set, ordinal))
	pod.Labels[api.RevisionLabel] = revision.Name
	pod.Spec.Hostname = pod.Name
	pod.Spec.Subdomain = set.Spec.ServiceName
	pod.Spec.Volumes = withClaims(set, pod.Spec.Volumes, ordinal)
	return pod
}

// withClaims returns the volumes with those of the set's claims; a claim takes precedence over a volume of its name.
func withClaims(set *api.PetSet, volumes []corev1.Volume, ordinal int) []corev1.Volume {
	var out []corev1.Volume
	for i := range set.Spec.VolumeClaimTemplates {
		name := set.Spec.VolumeClaimTemplates[i].Name
		out = append(out, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: ClaimName(name, set.Name, ordinal)},
		}})
		volumes = slices.DeleteFunc(volumes, func(v corev1.Volume) bool { return v.Name == name })
	}
	return append(out, volumes...)
}

// controllerRef makes the set the controller of an object.
func controllerRef(set *api.PetSet) metav1.OwnerReference {
	return *metav1.NewControllerRef(set, api.GroupVersion.WithKind(api.PetSetKind))
}
