package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ObjectReference names an object whose kind is known from the context.
type ObjectReference struct {
	// Name of the object.
	// +required
	Name string `json:"name,omitempty"`

	// Namespace of the object; the referring object's own when empty.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// SecretReference names a Secret, or an object that stands for one, in the referring object's namespace.
// +structType=atomic
type SecretReference struct {
	// APIGroup of the object; empty for a Secret.
	// +optional
	// +kubebuilder:default=""
	APIGroup string `json:"apiGroup,omitempty"`

	// Kind of the object.
	// +required
	// +kubebuilder:default=Secret
	Kind string `json:"kind,omitempty"`

	// Name of the object.
	// +required
	Name string `json:"name,omitempty"`
}

// AuthSecret names the credentials of the administrator and says who looks after them. It is not atomic, unlike
// SecretReference, so that the operator can record activeFrom beside a user's fields.
type AuthSecret struct {
	// APIGroup of the object; empty for a Secret.
	// +optional
	// +kubebuilder:default=""
	APIGroup string `json:"apiGroup,omitempty"`

	// Kind of the object.
	// +required
	// +kubebuilder:default=Secret
	Kind string `json:"kind,omitempty"`

	// Name of the object, of type kubernetes.io/basic-auth.
	// +required
	Name string `json:"name,omitempty"`

	// SecretStoreName is the store behind a virtual secret.
	// +optional
	SecretStoreName string `json:"secretStoreName,omitempty"`

	// ExternallyManaged means that the operator only reads the credentials: it never creates, adopts or deletes them.
	// +optional
	ExternallyManaged bool `json:"externallyManaged,omitempty"`

	// RotateAfter is the age at which a rotation is recommended. The operator never rotates by itself.
	// +optional
	RotateAfter *metav1.Duration `json:"rotateAfter,omitempty"`

	// ActiveFrom is when the present password took effect; written by the operator.
	// +optional
	ActiveFrom *metav1.Time `json:"activeFrom,omitempty"`
}

// VirtualSecretGroup is the API group of virtual secrets, whose values live in an external vault.
const VirtualSecretGroup = "virtual-secrets.dev"
