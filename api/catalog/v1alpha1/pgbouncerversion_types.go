package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PgBouncerVersion is one version of PgBouncer that can be run.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=pgbouncerversions,singular=pgbouncerversion,scope=Cluster,shortName=pbversion,categories={catalog,kubedb,appscode}
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".spec.version"
// +kubebuilder:printcolumn:name="PGBOUNCER_IMAGE",type="string",JSONPath=".spec.pgBouncer.image"
// +kubebuilder:printcolumn:name="Deprecated",type="boolean",JSONPath=".spec.deprecated"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type PgBouncerVersion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the version.
	// +optional
	Spec PgBouncerVersionSpec `json:"spec,omitzero"`
}

// PgBouncerVersionList is a list of PgBouncerVersion objects.
//
// +kubebuilder:object:root=true
type PgBouncerVersionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PgBouncerVersion `json:"items"`
}

// PgBouncerVersionSpec is one version of PgBouncer.
type PgBouncerVersionSpec struct {
	// Version of the server, as a semantic version.
	// +required
	Version string `json:"version,omitempty"`

	// EndOfLife says that the PgBouncer project no longer maintains it.
	// +optional
	EndOfLife bool `json:"endOfLife,omitempty"`

	// Deprecated refuses new poolers of this version.
	// +optional
	Deprecated bool `json:"deprecated,omitempty"`

	// PgBouncer is the server's image.
	// +required
	PgBouncer Image `json:"pgBouncer,omitzero"`

	// Exporter is the image of the metrics exporter.
	// +required
	Exporter Image `json:"exporter,omitzero"`

	// GitSyncer is the image of git-sync.
	// +optional
	GitSyncer Image `json:"gitSyncer,omitzero"`

	// SecurityContext says which user the image is made for.
	// +optional
	SecurityContext SecurityContext `json:"securityContext,omitzero"`

	// UpdateConstraints says which versions this one can be updated to.
	// +optional
	UpdateConstraints UpdateConstraints `json:"updateConstraints,omitzero"`

	// UI are charts of user interfaces.
	// +optional
	UI []ChartInfo `json:"ui,omitempty"`
}
