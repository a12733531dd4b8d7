package blocks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Set is what a kind says about the PetSet of its members.
type Set struct {
	Pod
	Name     string
	Replicas int32
	// Selector is added to the instance's selector; its labels must be among Pod.ExtraLabels.
	Selector map[string]string
	Claims   []corev1.PersistentVolumeClaim
	// ClaimsGo says that a claim goes with its member: nothing is lost with it that is not elsewhere. Otherwise claims stay.
	ClaimsGo bool
	// Live is the PetSet as it exists; nil if there is none.
	Live *petsetv1.PetSet
}

// Build renders the PetSet. Pods are replaced only by whoever deletes them (OnDelete): a change of the template alone
// restarts nothing. They are started and stopped all at once, because members find their order among themselves.
//
// Two things are kept from the live PetSet: the claim templates, which cannot be changed in place, and the agent's
// image as long as nothing else in the template changes, so that an upgrade of the operator changes no template.
func (s Set) Build() (*petsetv1.PetSet, error) {
	template, hash, err := s.template()
	if err != nil {
		return nil, err
	}
	user := s.user()
	meta := s.Meta(s.Name)
	meta.Labels = s.inheritable(user.Controller.Labels)
	maps.Copy(meta.Labels, s.Labels())
	meta.Annotations = maps.Clone(user.Controller.Annotations)
	if meta.Annotations == nil {
		meta.Annotations = map[string]string{}
	}
	meta.Annotations[naming.AnnotationTemplateHash] = hash
	selector := s.Subject.Selector()
	maps.Copy(selector, s.Selector)
	claims := s.Claims
	if s.Live != nil {
		claims = s.Live.Spec.VolumeClaimTemplates
	}
	return &petsetv1.PetSet{
		ObjectMeta: meta,
		Spec: petsetv1.PetSetSpec{
			Replicas:             ptr.To(s.Replicas),
			Selector:             &metav1.LabelSelector{MatchLabels: selector},
			Template:             template,
			VolumeClaimTemplates: claims,
			ServiceName:          naming.GoverningService(s.Subject.Name()),
			PodManagementPolicy:  appsv1.ParallelPodManagement,
			UpdateStrategy:       appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
			PersistentVolumeClaimRetentionPolicy: &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
				WhenDeleted: s.fateOfClaims(),
				WhenScaled:  s.fateOfClaims(),
			},
			PodPlacementPolicy: placement(user.Spec.PodPlacementPolicy),
		},
	}, nil
}

func (s Set) fateOfClaims() appsv1.PersistentVolumeClaimRetentionPolicyType {
	if s.ClaimsGo {
		return appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	}
	return appsv1.RetainPersistentVolumeClaimRetentionPolicyType
}

// template renders the pod template with the agent image that it shall have, and its hash without that image.
func (s Set) template() (corev1.PodTemplateSpec, string, error) {
	bare := s.Pod
	bare.AgentImage = ""
	hash, err := templateHash(bare.Template())
	if err != nil {
		return corev1.PodTemplateSpec{}, "", fmt.Errorf("hash the pod template of PetSet %s/%s: %w", s.Namespace(), s.Name, err)
	}
	pod := s.Pod
	if s.Live != nil && s.Live.Annotations[naming.AnnotationTemplateHash] == hash {
		if c := find(s.Live.Spec.Template.Spec.InitContainers, naming.AgentInstaller); c != nil {
			pod.AgentImage = c.Image
		}
	}
	return pod.Template(), hash, nil
}

func templateHash(template corev1.PodTemplateSpec) (string, error) {
	text, err := json.Marshal(template)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// placement names the policy that is shipped with the CRDs where the user names none.
func placement(user *corev1.LocalObjectReference) *corev1.LocalObjectReference {
	if user != nil && user.Name != "" {
		return user
	}
	return &corev1.LocalObjectReference{Name: naming.DefaultPlacement}
}
