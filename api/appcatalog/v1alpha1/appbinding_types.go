package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

const (
	// KindAppBinding is the kind of an AppBinding.
	KindAppBinding = "AppBinding"
	// ResourceAppBinding is its resource name.
	ResourceAppBinding = "appbindings"
)

// Values of spec.type.
const (
	// AppTypePostgres is a PostgreSQL server.
	AppTypePostgres = "kubedb.com/postgres"
	// AppTypePgpool is a Pgpool.
	AppTypePgpool = "kubedb.com/pgpool"
	// AppTypePgBouncer is a PgBouncer.
	AppTypePgBouncer = "kubedb.com/pgbouncer"
)

// AppBinding says where an application is, how to talk to it and with which credentials.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=appbindings,singular=appbinding,categories={catalog,appscode,all}
// +kubebuilder:printcolumn:name="Type",type="string",JSONPath=".spec.type"
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".spec.version"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type AppBinding struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the binding.
	// +optional
	Spec AppBindingSpec `json:"spec,omitzero"`
}

// AppBindingList is a list of AppBinding objects.
//
// +kubebuilder:object:root=true
type AppBindingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []AppBinding `json:"items"`
}

// AppBindingSpec is the binding.
type AppBindingSpec struct {
	// Type of the application; see the AppType... constants.
	// +optional
	Type string `json:"type,omitempty"`

	// Version of the application, not of a catalog object.
	// +optional
	Version string `json:"version,omitempty"`

	// AppRef is the object that runs the application.
	// +optional
	AppRef *TypedObjectReference `json:"appRef,omitempty"`

	// ClientConfig says how to connect.
	// +required
	ClientConfig ClientConfig `json:"clientConfig,omitzero"`

	// Secret holds the credentials.
	// +optional
	Secret *sharedv1.SecretReference `json:"secret,omitempty"`

	// SecretTransforms change the keys of the Secret before it is used.
	// +optional
	SecretTransforms []SecretTransform `json:"secretTransforms,omitempty"`

	// TLSSecret holds the client certificate.
	// +optional
	TLSSecret *sharedv1.SecretReference `json:"tlsSecret,omitempty"`

	// Parameters are an object of the application's own.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:EmbeddedResource
	Parameters *runtime.RawExtension `json:"parameters,omitempty"`
}

// TypedObjectReference names an object of any kind.
type TypedObjectReference struct {
	// APIGroup of the object.
	// +optional
	APIGroup string `json:"apiGroup,omitempty"`

	// Kind of the object.
	// +optional
	Kind string `json:"kind,omitempty"`

	// Name of the object.
	// +required
	Name string `json:"name,omitempty"`

	// Namespace of the object; the binding's own when empty.
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// AppReference names an AppBinding and adds parameters to it.
type AppReference struct {
	// Name of the AppBinding.
	// +required
	Name string `json:"name,omitempty"`

	// Namespace of the AppBinding.
	// +required
	Namespace string `json:"namespace,omitempty"`

	// Parameters are an object of the application's own.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:EmbeddedResource
	Parameters *runtime.RawExtension `json:"parameters,omitempty"`
}

// ClientConfig says how to connect, by URL or by Service.
type ClientConfig struct {
	// URL of the application; not together with service.
	// +optional
	URL *string `json:"url,omitempty"`

	// Service in the cluster; not together with url.
	// +optional
	Service *ServiceReference `json:"service,omitempty"`

	// InsecureSkipTLSVerify leaves the server's certificate unchecked.
	// +optional
	InsecureSkipTLSVerify bool `json:"insecureSkipTLSVerify,omitempty"`

	// CABundle are the PEM certificates that the server's is checked with.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// ServerName is the name that the server's certificate is checked for.
	// +optional
	ServerName string `json:"serverName,omitempty"`
}

// ServiceReference is a Service and what a URL to it consists of.
type ServiceReference struct {
	// Scheme of the URL.
	// +required
	Scheme string `json:"scheme,omitempty"`

	// Namespace of the Service; the binding's own when empty.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// Name of the Service.
	// +required
	Name string `json:"name,omitempty"`

	// Port of the Service.
	// +required
	Port int32 `json:"port,omitempty"`

	// Path of the URL.
	// +optional
	Path string `json:"path,omitempty"`

	// Query of the URL, without the question mark.
	// +optional
	Query string `json:"query,omitempty"`
}

// SecretTransform is one change to the keys of a Secret; one of the fields is set.
type SecretTransform struct {
	// RenameKey gives a key another name.
	// +optional
	RenameKey *RenameKeyTransform `json:"renameKey,omitempty"`

	// AddKey adds a key.
	// +optional
	AddKey *AddKeyTransform `json:"addKey,omitempty"`

	// AddKeysFrom adds the keys of another Secret.
	// +optional
	AddKeysFrom *AddKeysFromTransform `json:"addKeysFrom,omitempty"`

	// RemoveKey removes a key.
	// +optional
	RemoveKey *RemoveKeyTransform `json:"removeKey,omitempty"`
}

// RenameKeyTransform gives a key another name.
type RenameKeyTransform struct {
	// From is the present name.
	// +required
	From string `json:"from,omitempty"`

	// To is the new name.
	// +required
	To string `json:"to,omitempty"`
}

// AddKeyTransform adds a key.
type AddKeyTransform struct {
	// Key to add.
	// +required
	Key string `json:"key,omitempty"`

	// Value of the key.
	// +optional
	Value []byte `json:"value,omitempty"`

	// StringValue is the value as text; it wins over value.
	// +optional
	StringValue *string `json:"stringValue,omitempty"`
}

// AddKeysFromTransform adds the keys of another Secret.
type AddKeysFromTransform struct {
	// SecretRef is that Secret.
	// +optional
	SecretRef *corev1.LocalObjectReference `json:"secretRef,omitempty"`
}

// RemoveKeyTransform removes a key.
type RemoveKeyTransform struct {
	// Key to remove.
	// +required
	Key string `json:"key,omitempty"`
}
