package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PgpoolVersion is one version of Pgpool-II that can be run.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=pgpoolversions,singular=pgpoolversion,scope=Cluster,shortName=ppversion,categories={catalog,kubedb,appscode}
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".spec.version"
// +kubebuilder:printcolumn:name="PGPOOL_IMAGE",type="string",JSONPath=".spec.pgpool.image"
// +kubebuilder:printcolumn:name="Deprecated",type="boolean",JSONPath=".spec.deprecated"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type PgpoolVersion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the version.
	// +optional
	Spec PgpoolVersionSpec `json:"spec,omitzero"`
}

// PgpoolVersionList is a list of PgpoolVersion objects.
//
// +kubebuilder:object:root=true
type PgpoolVersionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PgpoolVersion `json:"items"`
}

// PgpoolVersionSpec is one version of Pgpool-II.
type PgpoolVersionSpec struct {
	// Version of the server, as a semantic version.
	// +required
	Version string `json:"version,omitempty"`

	// EndOfLife says that the Pgpool project no longer maintains it.
	// +optional
	EndOfLife bool `json:"endOfLife,omitempty"`

	// Deprecated advises against it.
	// +optional
	Deprecated bool `json:"deprecated,omitempty"`

	// Pgpool is the server's image.
	// +required
	Pgpool Image `json:"pgpool,omitzero"`

	// Exporter is the image of the metrics exporter.
	// +optional
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
