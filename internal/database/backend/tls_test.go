package backend

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// bindingTo is an AppBinding that leads to a URL; of a Postgres object if it is managed.
func bindingTo(ns, url string, managed bool, ca []byte) *appcatalogv1alpha1.AppBinding {
	b := &appcatalogv1alpha1.AppBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "app-"}}
	b.Spec.ClientConfig = appcatalogv1alpha1.ClientConfig{URL: &url, CABundle: ca}
	b.Spec.Secret = &sharedv1.SecretReference{Kind: "Secret", Name: "auth"}
	if managed {
		b.Spec.AppRef = &appcatalogv1alpha1.TypedObjectReference{APIGroup: "kubedb.com", Kind: "Postgres", Name: "pg", Namespace: ns}
	}
	return b
}

func TestTheModeIsCompletedByWhatThereIsToVerifyWith(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	create(t, secret(ns, "auth", login("postgres", "pw")))
	ca := tlstest.NewAuthority(t, "ours").PEM
	for name, c := range map[string]struct {
		mode     string
		managed  bool
		ca       []byte
		insecure bool
		want     string
		verified bool
	}{
		"nothing said":                           {want: ""},
		"no TLS":                                 {mode: "disable", want: "disable"},
		"no TLS yet at a Postgres":               {mode: "disable", managed: true, want: "prefer"},
		"TLS at a Postgres":                      {mode: "verify-full", managed: true, ca: ca, want: "verify-full", verified: true},
		"TLS with a bundle":                      {mode: "require", ca: ca, want: "verify-ca", verified: true},
		"a bundle alone":                         {ca: ca, want: "verify-ca", verified: true},
		"TLS without a bundle":                   {mode: "require", want: "require"},
		"TLS if there is, with a bundle":         {mode: "prefer", ca: ca, want: "prefer", verified: true},
		"a check that is not to be made":         {mode: "verify-full", insecure: true, want: "require"},
		"no check although there is a bundle to": {mode: "prefer", insecure: true, ca: ca, want: "prefer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binding := bindingTo(ns, "postgresql://db?sslmode="+c.mode, c.managed, c.ca)
			binding.Spec.ClientConfig.InsecureSkipTLSVerify = c.insecure
			create(t, binding)
			got, err := Read(t.Context(), env.Client, client.ObjectKeyFromObject(binding), "spec.postgresRef")
			if err != nil || got.SSLMode != c.want || len(got.CA) > 0 != c.verified {
				t.Errorf("got %q with %d bytes to verify with (%v), want %q", got.SSLMode, len(got.CA), err, c.want)
			}
		})
	}
}

func TestCertificatesOfAPostgresAreReadFromWhereTheyArePublished(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	authority := tlstest.NewAuthority(t, "ours")
	set, issued := authority.Set(t, "postgres"), authority.Issue(t, tlstest.Leaf{CommonName: "postgres"})
	published := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pg-tls-certs"}, Data: set.Files()}
	fromIssuer := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "client"}, Data: map[string][]byte{"tls.crt": issued.Cert, "tls.key": issued.Key}}
	create(t, secret(ns, "auth", login("postgres", "pw")), published, fromIssuer)
	// While an operation changes the authority, the AppBinding names the former one only.
	former := tlstest.NewAuthority(t, "former").PEM
	for name, c := range map[string]struct {
		managed  bool
		cert, ca []byte
	}{"a Postgres object": {true, set.Pairs["client"].Cert, set.CA}, "a server elsewhere": {false, issued.Cert, former}} {
		binding := bindingTo(ns, "postgresql://db?sslmode=verify-full", c.managed, former)
		binding.Spec.TLSSecret = &sharedv1.SecretReference{Kind: "Secret", Name: "client"}
		create(t, binding)
		got, err := Read(t.Context(), env.Client, client.ObjectKeyFromObject(binding), "spec.postgresRef")
		if err != nil || string(got.Certificate) != string(c.cert) {
			t.Errorf("%s: another certificate (%v)", name, err)
		}
		if string(got.CA) != string(c.ca) {
			t.Errorf("%s: other authorities", name)
		}
		files := got.Files()
		want := []string{naming.UpstreamHash, naming.UpstreamCA, naming.UpstreamCert, naming.UpstreamKey}
		if names := slices.Sorted(maps.Keys(files)); !slices.Equal(names, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: the files are %v", name, names)
		}
		if c.managed && string(files[naming.UpstreamHash]) != report.UpstreamHash(set.Files()) {
			t.Errorf("%s: the hash is not that of what is published", name)
		}
	}
}

// TestAPoolerThatNeedNotVerifyAPostgresSaysSo: an operation that takes TLS away waits for this hash.
func TestAPoolerThatNeedNotVerifyAPostgresSaysSo(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	set := tlstest.NewAuthority(t, "ours").Set(t, "postgres")
	published := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pg-tls-certs"}, Data: set.Files()}
	binding := bindingTo(ns, "postgresql://db?sslmode=prefer", true, nil)
	binding.Spec.TLSSecret = &sharedv1.SecretReference{Kind: "Secret", Name: "client"}
	create(t, secret(ns, "auth", login("postgres", "pw")), published, binding)
	got, err := Read(t.Context(), env.Client, client.ObjectKeyFromObject(binding), "spec.postgresRef")
	if err != nil || DemandsTLS(got.SSLMode) || len(got.CA) > 0 {
		t.Errorf("it asks for TLS: %q with %d bytes to verify with (%v)", got.SSLMode, len(got.CA), err)
	}
	unverified := set.Files()
	delete(unverified, naming.TLSCA)
	if hash := string(got.Files()[naming.UpstreamHash]); hash == "" || hash != report.UpstreamHash(unverified) {
		t.Errorf("the hash is %q, want that of what is shown alone", hash)
	}
}

func TestWhatTLSLacksIsWaitedForAndSaid(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	ca := tlstest.NewAuthority(t, "ours").PEM
	create(t, secret(ns, "auth", login("postgres", "pw")), secret(ns, "odd", map[string]string{"tls.crt": "x", "tls.key": "y"}))
	for name, c := range map[string]struct {
		ca     []byte
		client string
		want   string
	}{
		"nothing to verify with":   {nil, "", "sslmode=verify-full needs the certificates to check the server's with; put them into spec.clientConfig.caBundle"},
		"no certificate":           {[]byte("text"), "", "caBundle holds no PEM certificate"},
		"no client certificate":    {ca, "gone", "Secret " + ns + "/gone: not found"},
		"a bad client certificate": {ca, "odd", "hold no certificate with its key"},
	} {
		binding := bindingTo(ns, "postgresql://db?sslmode=verify-full", false, c.ca)
		if c.client != "" {
			binding.Spec.TLSSecret = &sharedv1.SecretReference{Kind: "Secret", Name: c.client}
		}
		create(t, binding)
		_, err := Read(t.Context(), env.Client, client.ObjectKeyFromObject(binding), "spec.postgresRef")
		if _, ok := errors.AsType[*database.Waiting](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want to wait for %q", name, err, c.want)
		}
	}
}
