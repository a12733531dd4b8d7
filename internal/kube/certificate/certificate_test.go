package certificate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/kube/certificate"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &env, testenv.Options{})) }

// TestTheAPIServerIsToldWhatIsServed lets a manager make the certificate, and checks that what a client would be served
// is signed by what the API server was told.
func TestTheAPIServerIsToldWhatIsServed(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	secret := types.NamespacedName{Namespace: ns, Name: "certificate"}
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: secret.Name}})
	hook := admissionregistrationv1.ValidatingWebhook{
		Name: "a.example.com", SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
		ClientConfig: admissionregistrationv1.WebhookClientConfig{
			Service: &admissionregistrationv1.ServiceReference{Namespace: ns, Name: "hooks"}},
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ns}, Webhooks: []admissionregistrationv1.ValidatingWebhook{hook},
	}
	create(t, validating)
	create(t, &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: ns}})

	var source *certificate.Source
	env.Manager(t, testenv.ManagerOptions{Namespace: ns, Setup: func(mgr ctrl.Manager) (err error) {
		source, err = certificate.Setup(mgr, certificate.Options{Secret: secret, Service: "hooks", Webhooks: ns, MountDir: t.TempDir()})
		return err
	}})
	var bundle []byte
	testenv.Eventually(t, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(validating), validating); err != nil {
			return err
		}
		if bundle = validating.Webhooks[0].ClientConfig.CABundle; len(bundle) == 0 {
			return fmt.Errorf("the API server was not told yet")
		}
		return ready(ctx, source)
	})
	leaf := served(t, source)
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(bundle) {
		t.Fatal("the API server was told nonsense")
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: authorities, DNSName: "hooks." + ns + ".svc"}); err != nil {
		t.Errorf("the API server would not trust the certificate: %v", err)
	}
}

func TestWithoutACertificateItIsSaidWhatIsMissing(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	source := certificate.NewSource(env.Client, types.NamespacedName{Namespace: ns, Name: "none"})
	if err := ready(t.Context(), source); err == nil {
		t.Error("it is ready without a Secret")
	}
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "none"}})
	if err := ready(t.Context(), source); err == nil || !bytes.Contains([]byte(err.Error()), []byte(ns+"/none")) {
		t.Errorf("an empty Secret gave %v", err)
	}
}

func ready(ctx context.Context, s *certificate.Source) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil)
	if err != nil {
		return err
	}
	return s.Ready(req)
}

func served(t *testing.T, s *certificate.Source) *x509.Certificate {
	t.Helper()
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	s.TLS(config)
	cert, err := config.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := env.Client.Create(t.Context(), o); err != nil {
		t.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}
