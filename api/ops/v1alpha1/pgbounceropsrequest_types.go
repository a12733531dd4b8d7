package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
)

const (
	// KindPgBouncerOpsRequest is the kind of a PgBouncerOpsRequest.
	KindPgBouncerOpsRequest = "PgBouncerOpsRequest"
	// ResourcePgBouncerOpsRequest is its resource name.
	ResourcePgBouncerOpsRequest = "pgbounceropsrequests"
)

// PgBouncerOpsRequest is one operation on a running PgBouncer.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=pgbounceropsrequests,singular=pgbounceropsrequest,shortName=pbops,categories={ops,kubedb,appscode}
// +kubebuilder:printcolumn:name="Type",type="string",JSONPath=".spec.type"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type PgBouncerOpsRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what is to be done; it cannot be changed.
	// +optional
	Spec PgBouncerOpsRequestSpec `json:"spec,omitzero"`

	// Status is how far it is.
	// +optional
	Status OpsRequestStatus `json:"status,omitzero"`
}

// PgBouncerOpsRequestList is a list of PgBouncerOpsRequest objects.
//
// +kubebuilder:object:root=true
type PgBouncerOpsRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PgBouncerOpsRequest `json:"items"`
}

// PgBouncerOpsRequestSpec is what is to be done to a PgBouncer.
type PgBouncerOpsRequestSpec struct {
	RequestBase `json:",inline"`

	// Type of the operation; the section of that name applies.
	// +required
	// +kubebuilder:validation:Enum=HorizontalScaling;VerticalScaling;UpdateVersion;Reconfigure;RotateAuth;Restart;ReconfigureTLS
	Type OpsRequestType `json:"type,omitempty"`

	// HorizontalScaling is the section of the type HorizontalScaling.
	// +optional
	HorizontalScaling *PgBouncerHorizontalScalingSpec `json:"horizontalScaling,omitempty"`

	// VerticalScaling is the section of the type VerticalScaling.
	// +optional
	VerticalScaling *PgBouncerVerticalScalingSpec `json:"verticalScaling,omitempty"`

	// Configuration is the section of the type Reconfigure.
	// +optional
	Configuration *PgBouncerReconfigurationSpec `json:"configuration,omitempty"`

	// TLS is the section of the type ReconfigureTLS.
	// +optional
	TLS *PgBouncerTLSSpec `json:"tls,omitempty"`
}

// PgBouncerHorizontalScalingSpec changes the number of pods.
type PgBouncerHorizontalScalingSpec struct {
	// Replicas is the new number of pods.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`
}

// PgBouncerVerticalScalingSpec changes the resources of the pods.
type PgBouncerVerticalScalingSpec struct {
	// PgBouncer is the server's container.
	// +optional
	PgBouncer *PodResources `json:"pgbouncer,omitempty"`

	// Exporter is the metrics exporter's container.
	// +optional
	Exporter *ContainerResources `json:"exporter,omitempty"`

	// Mode says how resources are changed.
	// +optional
	// +kubebuilder:default=Restart
	Mode VerticalScalingMode `json:"mode,omitempty"`
}

// PgBouncerReconfigurationSpec changes the configuration of a PgBouncer; applyConfig has the key pgbouncer.ini.
type PgBouncerReconfigurationSpec struct {
	ReconfigurationSpec `json:",inline"`
}

// PgBouncerTLSSpec changes the certificates of a PgBouncer.
type PgBouncerTLSSpec struct {
	TLSSpec `json:",inline"`

	// ClientAuthMode is auth_type from now on.
	// +optional
	ClientAuthMode kubedbv1.PgBouncerAuthType `json:"clientAuthMode,omitempty"`
}
