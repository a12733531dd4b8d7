package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/hba"
)

// tlsOn is a spec.tls with the issuer of that name.
func tlsOn(issuer string) *sharedv1.TLSConfig {
	return &sharedv1.TLSConfig{IssuerRef: &corev1.TypedLocalObjectReference{Kind: "Issuer", Name: issuer}}
}

func TestWhoIsLetInDependsOnTheMode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode   sharedv1.SSLMode
		method string
		want   []string
	}{
		{"", hba.MD5, []string{"host"}},
		{sharedv1.SSLModeDisable, hba.SCRAM, []string{"host"}},
		{sharedv1.SSLModeAllow, hba.SCRAM, []string{"hostssl", "hostnossl"}},
		{sharedv1.SSLModePrefer, hba.MD5, []string{"hostssl", "hostnossl"}},
		{sharedv1.SSLModeRequire, hba.SCRAM, []string{"hostssl"}},
		{sharedv1.SSLModeVerifyCA, hba.SCRAM, []string{"hostssl"}},
		{sharedv1.SSLModeVerifyFull, hba.MD5, []string{"hostssl"}},
		{sharedv1.SSLModePrefer, hba.Cert, []string{"hostssl"}},
		{sharedv1.SSLModeVerifyFull, hba.Cert, []string{"hostssl"}},
	} {
		got, err := renderHBA(ConfigInput{SSLMode: test.mode, Method: test.method, Admin: "all"})
		if err != nil {
			t.Fatal(err)
		}
		want := "local all all trust\nlocal replication all trust\n"
		for _, door := range test.want {
			want += door + ` replication "all" all ` + test.method + "\n" + door + " all all all " + test.method + "\n"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s with %s (-want +got):\n%s", test.mode, test.method, diff)
		}
	}
}

func TestTheServerSpeaksTLSAsTheModeSays(t *testing.T) {
	t.Parallel()
	for mode, want := range map[sharedv1.SSLMode]string{
		"": "", sharedv1.SSLModeDisable: "", sharedv1.SSLModeAllow: "on", sharedv1.SSLModePrefer: "on",
		sharedv1.SSLModeRequire: "on", sharedv1.SSLModeVerifyCA: "on", sharedv1.SSLModeVerifyFull: "on",
	} {
		in := small()
		in.SSLMode = mode
		if got := setTo(t, in, "ssl"); got != want {
			t.Errorf("%s: ssl is %q, want %q", mode, got, want)
		}
	}
	in := small()
	in.SSLMode, in.InlineText = sharedv1.SSLModeRequire, "ssl_key_file = '/elsewhere'"
	if got := setTo(t, in, "ssl_key_file"); got != "/tls/certs/server/server.key" {
		t.Errorf("the user's key file is %q", got)
	}
}

func TestMembersReachThePrimaryAsClientsAreTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode sharedv1.SSLMode
		want string
	}{
		{sharedv1.SSLModeDisable, "sslmode=prefer"},
		{sharedv1.SSLModeVerifyCA, "sslmode=verify-ca sslrootcert=/tls/certs/client/ca.crt sslcert=/tls/certs/client/client.crt sslkey=/tls/certs/client/client.key"},
	} {
		if got := strings.TrimSpace(upstream(test.mode)); got != test.want {
			t.Errorf("%s: %q, want %q", test.mode, got, test.want)
		}
	}
}

func TestTheServersCertificateNamesEveryServiceAndPod(t *testing.T) {
	t.Parallel()
	g := input()
	var names []string
	for _, request := range g.requests() {
		if request.Alias == sharedv1.CertificateAliasServer {
			names = request.DNSNames
		}
	}
	for _, want := range []string{
		"pg", "pg.demo", "pg.demo.svc", "pg.demo.svc.cluster.local", "pg-standby.demo.svc", "pg-pods.demo.svc",
		"*.pg-pods.demo.svc", "*.pg-pods.demo.svc.cluster.local", "localhost",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("the certificate lacks %s: %v", want, names)
		}
	}
}

func TestAClientSecretOfTheUsersChoiceIsNamed(t *testing.T) {
	t.Parallel()
	pg := valid("demo")
	pg.Spec.TLS = tlsOn("ca")
	if got := clientSecret(pg); got != "pg-client-cert" {
		t.Errorf("the client's Secret is %s", got)
	}
	pg.Spec.TLS.Certificates = []sharedv1.CertificateSpec{{Alias: sharedv1.CertificateAliasClient, SecretName: "mine"}}
	if got := clientSecret(pg); got != "mine" {
		t.Errorf("the client's Secret is %s", got)
	}
}
