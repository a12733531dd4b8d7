package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// Image is a container image.
type Image struct {
	// Image is the reference.
	// +required
	Image string `json:"image,omitempty"`
}

// SecurityContext says which user the images are made for.
type SecurityContext struct {
	// RunAsUser is the user, and the group, of the server process.
	// +optional
	RunAsUser *int64 `json:"runAsUser,omitempty"`

	// RunAsAnyNonRoot says that the image works with any other user too.
	// +optional
	RunAsAnyNonRoot bool `json:"runAsAnyNonRoot,omitempty"`
}

// UpdateConstraints says which versions this one can be updated to.
type UpdateConstraints struct {
	// Allowlist are ranges of semantic versions; a target must satisfy one of them.
	// +optional
	Allowlist []string `json:"allowlist,omitempty"`

	// Denylist are ranges of semantic versions; a target must satisfy none of them.
	// +optional
	Denylist []string `json:"denylist,omitempty"`
}

// ChartInfo is a chart of a user interface for this version.
type ChartInfo struct {
	// Name of the chart.
	// +required
	Name string `json:"name,omitempty"`

	// Version of the chart.
	// +optional
	Version string `json:"version,omitempty"`

	// Disable leaves it out.
	// +optional
	Disable bool `json:"disable,omitempty"`

	// Values for the chart.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Values *runtime.RawExtension `json:"values,omitempty"`
}
