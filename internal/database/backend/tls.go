package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Values of sslmode (libpq).
const (
	modeDisable    = "disable"
	modePrefer     = "prefer"
	modeRequire    = "require"
	modeVerifyCA   = "verify-ca"
	modeVerifyFull = "verify-full"
)

// DemandsTLS tells whether an sslmode forbids to connect without TLS.
func DemandsTLS(sslmode string) bool {
	switch sslmode {
	case modeRequire, modeVerifyCA, modeVerifyFull:
		return true
	}
	return false
}

// ClientAuthMode is how the Postgres object asks its clients to prove who they are; empty for a server that is none.
func (s Server) ClientAuthMode(ctx context.Context, r client.Reader) (sharedv1.ClientAuthMode, error) {
	if !s.Managed {
		return "", nil
	}
	var postgres kubedbv1.Postgres
	at := types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
	if err := r.Get(ctx, at, &postgres); client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("read Postgres %s: %w", at, err)
	}
	return postgres.Spec.ClientAuthMode, nil
}

// managed tells whether the binding is that of a Postgres object.
func managed(binding appcatalogv1alpha1.AppBinding) bool {
	ref := binding.Spec.AppRef
	return ref != nil && ref.APIGroup == kubedbv1.GroupVersion.Group && ref.Kind == kubedbv1.KindPostgres
}

// trust takes the certificates that the server's is checked with, and completes sslmode by them: a bundle is there to
// be used, so require means verify-ca with it, as for libpq; and a Postgres object may gain TLS at any moment, so it is
// asked for TLS even while it has none.
func (s *Server) trust(config appcatalogv1alpha1.ClientConfig) error {
	if s.Managed && (s.SSLMode == "" || s.SSLMode == modeDisable) {
		s.SSLMode = modePrefer
	}
	verify := s.SSLMode == modeVerifyCA || s.SSLMode == modeVerifyFull
	switch {
	case config.InsecureSkipTLSVerify && verify:
		s.SSLMode = modeRequire
	case config.InsecureSkipTLSVerify:
	case len(config.CABundle) == 0 && verify:
		return fmt.Errorf("sslmode=%s needs the certificates to check the server's with; put them into spec.clientConfig.caBundle", s.SSLMode)
	case len(config.CABundle) > 0:
		if !x509.NewCertPool().AppendCertsFromPEM(config.CABundle) {
			return errors.New("spec.clientConfig.caBundle holds no PEM certificate")
		}
		s.CA = config.CABundle
		if s.SSLMode == modeRequire || s.SSLMode == "" {
			s.SSLMode = modeVerifyCA
		}
	}
	return nil
}

// follow takes the bundle of a Postgres object from where it is published: the AppBinding repeats it, but not while an
// operation is under way, and such a one changes authorities only when every pooler trusts both.
func (s *Server) follow(ctx context.Context, r client.Reader, binding appcatalogv1alpha1.AppBinding) error {
	if !s.Managed || len(s.CA) == 0 {
		return nil
	}
	var secret corev1.Secret
	at := types.NamespacedName{Namespace: s.Namespace, Name: naming.TLSSecret(binding.Spec.AppRef.Name)}
	if err := r.Get(ctx, at, &secret); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read Secret %s: %w", at, err)
	}
	if published := secret.Data[naming.TLSCA]; len(published) > 0 {
		s.CA = published
	}
	return nil
}

// identify reads the client certificate. That of a Postgres object is taken from where it is published: what
// cert-manager has issued anew is there only after the server trusts its issuer.
func (s *Server) identify(ctx context.Context, r client.Reader, binding appcatalogv1alpha1.AppBinding) error {
	ref := binding.Spec.TLSSecret
	if ref == nil || ref.Name == "" {
		return nil
	}
	name, certificate, key := ref.Name, corev1.TLSCertKey, corev1.TLSPrivateKeyKey
	if s.Managed {
		name, certificate, key = naming.TLSSecret(binding.Spec.AppRef.Name), naming.TLSClientCrt, naming.TLSClientKey
	}
	var secret corev1.Secret
	at := types.NamespacedName{Namespace: s.Namespace, Name: name}
	if err := r.Get(ctx, at, &secret); apierrors.IsNotFound(err) {
		return database.WaitFor("Secret %s: not found; AppBinding %s/%s names it as the client certificate", at, s.Namespace, s.Name)
	} else if err != nil {
		return fmt.Errorf("read Secret %s: %w", at, err)
	}
	if _, err := tls.X509KeyPair(secret.Data[certificate], secret.Data[key]); err != nil {
		return database.WaitFor("Secret %s, the client certificate of AppBinding %s/%s: the keys %s and %s hold no certificate with its key: %v",
			at, s.Namespace, s.Name, certificate, key, err)
	}
	s.Certificate, s.Key = secret.Data[certificate], secret.Data[key]
	return nil
}

// Files are the PEM files with which a pooler checks the server and proves itself to it, by the names in naming, and
// their hash.
func (s Server) Files() map[string][]byte {
	files, published := map[string][]byte{}, map[string][]byte{}
	for _, one := range []struct {
		name, published string
		content         []byte
	}{
		{naming.UpstreamCA, naming.TLSCA, s.CA},
		{naming.UpstreamCert, naming.TLSClientCrt, s.Certificate},
		{naming.UpstreamKey, naming.TLSClientKey, s.Key},
	} {
		if len(one.content) > 0 {
			files[one.name], published[one.published] = one.content, one.content
		}
	}
	if len(files) > 0 {
		files[naming.UpstreamHash] = []byte(report.UpstreamHash(published))
	}
	return files
}
