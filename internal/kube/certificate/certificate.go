// Package certificate keeps the certificate of the webhooks: it is made by this process, stored in a Secret, told to
// the API server and served from the Secret itself, not from a mounted copy, which the kubelet would renew only a
// minute later.
package certificate

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Options say where the certificate is kept and whom it is for.
type Options struct {
	// Secret holds the certificate and its authority. It must exist; it may be empty.
	Secret types.NamespacedName
	// Service that the API server calls, in the Secret's namespace.
	Service string
	// Webhooks is the name of the mutating and of the validating configuration.
	Webhooks string
	// MountDir is where the Secret is mounted, only to know when the kubelet has caught up.
	MountDir string
}

// Source serves the certificate out of the Secret.
type Source struct {
	secret types.NamespacedName
	reader client.Reader

	mu   sync.Mutex
	cert *tls.Certificate
	read time.Time
}

// freshness is for how long a certificate is used before the Secret is looked at again: at a handshake, never without
// one.
const freshness = 10 * time.Second

// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations;validatingwebhookconfigurations,verbs=get;list;watch
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations;validatingwebhookconfigurations,resourceNames=matriarch,verbs=update

// Setup lets the manager make and renew the certificate (on the leader alone) and returns what serves it.
func Setup(mgr ctrl.Manager, o Options) (*Source, error) {
	host := o.Service + "." + o.Secret.Namespace
	err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:             o.Secret,
		CertDir:               o.MountDir,
		CAName:                "matriarch-webhook-ca",
		CAOrganization:        "matriarch",
		DNSName:               host + ".svc",
		ExtraDNSNames:         []string{host, host + ".svc.cluster.local"},
		IsReady:               make(chan struct{}),
		RequireLeaderElection: true,
		Webhooks: []rotator.WebhookInfo{
			{Name: o.Webhooks, Type: rotator.Mutating},
			{Name: o.Webhooks, Type: rotator.Validating},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the webhooks' certificate: %w", err)
	}
	return NewSource(mgr.GetAPIReader(), o.Secret), nil
}

// NewSource returns what serves the certificate in the Secret.
func NewSource(r client.Reader, secret types.NamespacedName) *Source {
	return &Source{reader: r, secret: secret}
}

// TLS makes a server use the certificate.
func (s *Source) TLS(config *tls.Config) {
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return s.current(hello.Context()) }
}

// Ready is the health check: webhooks can be answered once there is a certificate.
func (s *Source) Ready(req *http.Request) error {
	_, err := s.current(req.Context())
	return err
}

func (s *Source) current(ctx context.Context) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cert != nil && time.Since(s.read) < freshness {
		return s.cert, nil
	}
	cert, err := s.fromSecret(ctx)
	if err != nil && s.cert == nil {
		return nil, err
	}
	if err == nil { // an API server that is away for a moment is no reason to serve nothing
		s.cert = cert
	}
	s.read = time.Now()
	return s.cert, nil
}

func (s *Source) fromSecret(ctx context.Context) (*tls.Certificate, error) {
	var secret corev1.Secret
	if err := s.reader.Get(ctx, s.secret, &secret); err != nil {
		return nil, fmt.Errorf("read the webhooks' certificate: %w", err)
	}
	cert, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("use the certificate in Secret %s: %w", s.secret, err)
	}
	return &cert, nil
}
