package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// UpdateVersionSpec moves to another version.
type UpdateVersionSpec struct {
	// TargetVersion is the name of a catalog object.
	// +optional
	TargetVersion string `json:"targetVersion,omitempty"`
}

// AuthenticationSpec changes the administrator's password.
type AuthenticationSpec struct {
	// SecretRef holds the new credentials; a password is generated when absent.
	// +optional
	SecretRef *sharedv1.SecretReference `json:"secretRef,omitempty"`
}

// RestartSpec restarts every member. It has no fields.
type RestartSpec struct{}

// ReconfigureRestart says whether a change of configuration may or must restart.
// +kubebuilder:validation:Enum=auto;"true";"false"
type ReconfigureRestart string

const (
	// ReconfigureRestartAuto restarts the members for which a reload is not enough.
	ReconfigureRestartAuto ReconfigureRestart = "auto"
	// ReconfigureRestartTrue restarts every member.
	ReconfigureRestartTrue ReconfigureRestart = "true"
	// ReconfigureRestartFalse never restarts.
	ReconfigureRestartFalse ReconfigureRestart = "false"
)

// ReconfigurationSpec is the part of a change of configuration that every kind has.
type ReconfigurationSpec struct {
	// ConfigSecret replaces the Secret with the user's configuration.
	// +optional
	ConfigSecret *corev1.LocalObjectReference `json:"configSecret,omitempty"`

	// ApplyConfig maps the name of a configuration file to settings that are merged into the present ones.
	// +optional
	ApplyConfig map[string]string `json:"applyConfig,omitempty"`

	// RemoveCustomConfig drops the user's configuration before the other fields are applied.
	// +optional
	RemoveCustomConfig bool `json:"removeCustomConfig,omitempty"`

	// Restart says whether the change may or must restart.
	// +optional
	// +kubebuilder:default=auto
	Restart ReconfigureRestart `json:"restart,omitempty"`
}

// TLSSpec is the part of a change of certificates that every kind has.
type TLSSpec struct {
	// TLSConfig adds TLS or changes it.
	sharedv1.TLSConfig `json:",inline"`

	// SSLMode that clients use from now on.
	// +optional
	SSLMode sharedv1.SSLMode `json:"sslMode,omitempty"`

	// RotateCertificates has every certificate issued anew.
	// +optional
	RotateCertificates bool `json:"rotateCertificates,omitempty"`

	// Remove turns TLS off.
	// +optional
	Remove bool `json:"remove,omitempty"`
}

// VerticalScalingMode says how resources are changed.
// +kubebuilder:validation:Enum=Restart;InPlace
type VerticalScalingMode string

const (
	// VerticalScalingModeRestart restarts each pod.
	VerticalScalingModeRestart VerticalScalingMode = "Restart"
	// VerticalScalingModeInPlace resizes running pods, and restarts where the node cannot.
	VerticalScalingModeInPlace VerticalScalingMode = "InPlace"
)

// ContainerResources are new resources of a container.
type ContainerResources struct {
	// Resources of the container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`
}

// PodResources are new resources of the server's container, and where its pods go.
type PodResources struct {
	// Resources of the container.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`

	// NodeSelectionPolicy says how nodes are chosen by topology.
	// +optional
	NodeSelectionPolicy NodeSelectionPolicy `json:"nodeSelectionPolicy,omitempty"`

	// Topology is the node label that chooses the nodes.
	// +optional
	Topology *Topology `json:"topology,omitempty"`
}

// NodeSelectionPolicy says how nodes are chosen by topology.
type NodeSelectionPolicy string

const (
	// NodeSelectionPolicyLabelSelector chooses by a node selector.
	NodeSelectionPolicyLabelSelector NodeSelectionPolicy = "LabelSelector"
	// NodeSelectionPolicyTaint chooses by a toleration.
	NodeSelectionPolicyTaint NodeSelectionPolicy = "Taint"
)

// Topology is a node label.
type Topology struct {
	// Key of the label.
	// +required
	Key string `json:"key,omitempty"`

	// Value of the label.
	// +required
	Value string `json:"value,omitempty"`
}
