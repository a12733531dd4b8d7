package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

const (
	// KindPgpoolOpsRequest is the kind of a PgpoolOpsRequest.
	KindPgpoolOpsRequest = "PgpoolOpsRequest"
	// ResourcePgpoolOpsRequest is its resource name.
	ResourcePgpoolOpsRequest = "pgpoolopsrequests"
)

// PgpoolOpsRequest is one operation on a running Pgpool.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=pgpoolopsrequests,singular=pgpoolopsrequest,shortName=ppops,categories={ops,kubedb,appscode}
// +kubebuilder:printcolumn:name="Type",type="string",JSONPath=".spec.type"
// +kubebuilder:printcolumn:name="Status",type="string",JSONPath=".status.phase"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type PgpoolOpsRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is what is to be done; it cannot be changed.
	// +optional
	Spec PgpoolOpsRequestSpec `json:"spec,omitzero"`

	// Status is how far it is.
	// +optional
	Status OpsRequestStatus `json:"status,omitzero"`
}

// PgpoolOpsRequestList is a list of PgpoolOpsRequest objects.
//
// +kubebuilder:object:root=true
type PgpoolOpsRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PgpoolOpsRequest `json:"items"`
}

// PgpoolOpsRequestSpec is what is to be done to a Pgpool.
type PgpoolOpsRequestSpec struct {
	RequestBase `json:",inline"`

	// Type of the operation; the section of that name applies.
	// +required
	// +kubebuilder:validation:Enum=UpdateVersion;Restart;Reconfigure;VerticalScaling;HorizontalScaling;ReconfigureTLS;RotateAuth
	Type OpsRequestType `json:"type,omitempty"`

	// HorizontalScaling is the section of the type HorizontalScaling.
	// +optional
	HorizontalScaling *PgpoolHorizontalScalingSpec `json:"horizontalScaling,omitempty"`

	// VerticalScaling is the section of the type VerticalScaling.
	// +optional
	VerticalScaling *PgpoolVerticalScalingSpec `json:"verticalScaling,omitempty"`

	// Configuration is the section of the type Reconfigure.
	// +optional
	Configuration *PgpoolReconfigurationSpec `json:"configuration,omitempty"`

	// TLS is the section of the type ReconfigureTLS.
	// +optional
	TLS *PgpoolTLSSpec `json:"tls,omitempty"`
}

// PgpoolHorizontalScalingSpec changes the number of pods.
type PgpoolHorizontalScalingSpec struct {
	// Node is the new number of pods.
	// +optional
	Node *int32 `json:"node,omitempty"`
}

// PgpoolVerticalScalingSpec changes the resources of the pods.
type PgpoolVerticalScalingSpec struct {
	// Node is the server's container.
	// +optional
	Node *PodResources `json:"node,omitempty"`

	// Mode says how resources are changed.
	// +optional
	// +kubebuilder:default=Restart
	Mode VerticalScalingMode `json:"mode,omitempty"`
}

// PgpoolReconfigurationSpec changes the configuration of a Pgpool; applyConfig has the key pgpool.conf.
type PgpoolReconfigurationSpec struct {
	ReconfigurationSpec `json:",inline"`

	// Backend changes the targets of load balancing.
	// +optional
	Backend *BackendChange `json:"backend,omitempty"`
}

// BackendChange changes the targets of load balancing.
type BackendChange struct {
	// Sync adds targets or changes those of the same group or host.
	// +optional
	Sync []kubedbv1alpha2.Backend `json:"sync,omitempty"`

	// Delete removes the targets of these groups or hosts.
	// +optional
	Delete []string `json:"delete,omitempty"`
}

// PgpoolTLSSpec changes the certificates of a Pgpool.
type PgpoolTLSSpec struct {
	TLSSpec `json:",inline"`

	// ClientAuthMode is how clients log in from now on.
	// +optional
	ClientAuthMode sharedv1.ClientAuthMode `json:"clientAuthMode,omitempty"`
}
