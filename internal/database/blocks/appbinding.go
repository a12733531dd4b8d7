package blocks

import (
	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// Binding is what a kind says about its AppBinding.
type Binding struct {
	Subject
	// Type is one of the AppType constants; Version is the server's, not the catalog object's name.
	Type, Version string
	// APIGroup of the instance.
	APIGroup string
	Port     int32
	SSLMode  sharedv1.SSLMode
	// Auth is spec.authSecret as it stands; nil means a plain Secret named AuthName.
	Auth     *sharedv1.AuthSecret
	AuthName string
	// CABundle and ClientCert (a Secret's name) are set with TLS.
	CABundle   []byte
	ClientCert string
}

// Build renders the AppBinding, by which other applications find this one.
func (b Binding) Build() *appcatalogv1alpha1.AppBinding {
	out := &appcatalogv1alpha1.AppBinding{
		ObjectMeta: b.Meta(b.Name()),
		Spec: appcatalogv1alpha1.AppBindingSpec{
			Type:    b.Type,
			Version: b.Version,
			AppRef: &appcatalogv1alpha1.TypedObjectReference{
				APIGroup: b.APIGroup, Kind: b.Info.Kind, Namespace: b.Namespace(), Name: b.Name(),
			},
			ClientConfig: appcatalogv1alpha1.ClientConfig{
				CABundle: b.CABundle,
				Service: &appcatalogv1alpha1.ServiceReference{
					Scheme: "postgresql", Name: b.Name(), Port: b.Port, Path: "/", Query: "sslmode=" + string(b.SSLMode),
				},
			},
			Secret: b.secret(),
		},
	}
	if b.ClientCert != "" {
		out.Spec.TLSSecret = &sharedv1.SecretReference{Kind: "Secret", Name: b.ClientCert}
	}
	return out
}

func (b Binding) secret() *sharedv1.SecretReference {
	ref := &sharedv1.SecretReference{Kind: "Secret", Name: b.AuthName}
	if b.Auth != nil {
		ref.APIGroup = b.Auth.APIGroup
		override(&ref.Kind, b.Auth.Kind)
	}
	return ref
}
