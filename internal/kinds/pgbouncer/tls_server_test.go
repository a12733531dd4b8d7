package pgbouncer

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testserver"
	mtls "github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// clientTLSConfig verifies the server as sslmode=verify-full does, and shows a certificate if there is one.
func clientTLSConfig(t *testing.T, authority *tlstest.Authority, own *mtls.Issued) *tls.Config {
	t.Helper()
	config := &tls.Config{ServerName: "pb.demo.svc", RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AppendCertsFromPEM(authority.PEM)
	if own != nil {
		pair, err := tls.X509KeyPair(own.Cert, own.Key)
		if err != nil {
			t.Fatal(err)
		}
		// Go keeps a certificate back that the server would not like; libpq does not.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config
}

// serve runs a PgBouncer with these files for TLS, by their names in the pods.
func serve(t *testing.T, users userSecrets, files map[string][]byte, change func(*ConfigInput)) int32 {
	t.Helper()
	port, dir := testserver.Port(t), testserver.Dir(t)
	in := ConfigInput{Version: testserver.Version(t, "pgbouncer"), Port: port, AdminUser: console.Name, Pool: poolSettings(nil)}
	change(&in)
	rendered, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(UserDir, dir, SocketDir, dir, ServerTLSDir, dir, "/tmp/pgbouncer.pid", dir+"/pid").Replace(rendered.Files[ConfFile])
	for name, content := range files {
		testserver.Write(t, filepath.Join(dir, name), string(content))
	}
	testserver.Write(t, filepath.Join(dir, ConfFile), text)
	testserver.Write(t, filepath.Join(dir, UserlistFile), userlist(users))
	testserver.Start(t, port, dir, "pgbouncer", filepath.Join(dir, ConfFile))
	return port
}

func secretsFor(t *testing.T, pg *testserver.Postgres) userSecrets {
	t.Helper()
	secrets, err := secretsOf(t.Context(), server(pg), map[string]string{"postgres": pg.Password})
	if err != nil {
		t.Fatal(err)
	}
	return everyoneOf(t, pg, secrets)
}

func TestClientsComeInAsSSLModeSays(t *testing.T) {
	t.Parallel()
	testserver.Need(t, "pgbouncer")
	pg := testserver.StartPostgres(t)
	users := secretsFor(t, pg)
	authority, other := tlstest.NewAuthority(t, "ours"), tlstest.NewAuthority(t, "theirs")
	served := authority.Issue(t, tlstest.Leaf{CommonName: "pb", DNSNames: []string{"pb.demo.svc"}})
	mine, foreign := authority.Issue(t, tlstest.Leaf{CommonName: "pgbouncer"}), other.Issue(t, tlstest.Leaf{CommonName: "postgres"})
	clients := []struct {
		name   string
		config *tls.Config
	}{
		{"no TLS", nil},
		{"TLS", clientTLSConfig(t, authority, nil)},
		{"a certificate", clientTLSConfig(t, authority, &mine)},
		{"a foreign certificate", clientTLSConfig(t, authority, &foreign)},
	}
	for mode, want := range map[sharedv1.SSLMode][4]bool{
		sharedv1.SSLModeDisable:    {true, false, false, false},
		sharedv1.SSLModeAllow:      {true, true, true, false},
		sharedv1.SSLModePrefer:     {true, true, true, false},
		sharedv1.SSLModeRequire:    {false, true, true, false},
		sharedv1.SSLModeVerifyCA:   {false, false, true, false},
		sharedv1.SSLModeVerifyFull: {false, false, true, false},
	} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			files := map[string][]byte{naming.TLSCA: served.CA, corev1.TLSCertKey: served.Cert, corev1.TLSPrivateKeyKey: served.Key}
			port := serve(t, users, files, func(in *ConfigInput) {
				in.TLS, in.SSLMode = true, mode
				in.Upstream = Upstream{Host: "127.0.0.1", Port: pg.Port, Database: "postgres", SSLMode: "disable"}
			})
			for i, c := range clients {
				client := testserver.Client{Port: port, User: "postgres", Password: pg.Password, TLS: c.config}
				_, err := client.Ask(t.Context(), "postgres", "SELECT current_user::text")
				if admitted := err == nil; admitted != want[i] {
					t.Errorf("a client with %s: %v; want him in: %v", c.name, err, want[i])
				}
			}
		})
	}
}

// onlyByCertificate lets users into the Postgres who show a certificate.
func onlyByCertificate(t *testing.T, pg *testserver.Postgres) {
	t.Helper()
	if err := os.WriteFile(hbaFile(t, pg), []byte("hostssl all all all cert\nlocal all all trust\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pg.Exec(t, "SELECT pg_reload_conf()")
}

func TestPgBouncerVerifiesTheServerAndShowsItsCertificate(t *testing.T) {
	t.Parallel()
	testserver.Need(t, "pgbouncer")
	pg := testserver.StartPostgres(t)
	users := secretsFor(t, pg)
	authority, other := tlstest.NewAuthority(t, "ours"), tlstest.NewAuthority(t, "theirs")
	behind := authority.Issue(t, tlstest.Leaf{CommonName: "pg", DNSNames: []string{"localhost"}})
	mine := authority.Issue(t, tlstest.Leaf{CommonName: "postgres"})
	pg.ServeTLS(t, behind.Cert, behind.Key, authority.PEM)
	onlyByCertificate(t, pg)
	for name, c := range map[string]struct {
		host, mode string
		ca         []byte
		admitted   bool
	}{
		"the right name and authority":    {"localhost", "verify-full", authority.PEM, true},
		"another name":                    {"127.0.0.1", "verify-full", authority.PEM, false},
		"another name that may be":        {"127.0.0.1", "verify-ca", authority.PEM, true},
		"another authority":               {"localhost", "verify-ca", other.PEM, false},
		"another authority that may be":   {"localhost", "require", other.PEM, true},
		"TLS that the server may offer":   {"localhost", "prefer", nil, true},
		"a server that must not have TLS": {"localhost", "disable", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string][]byte{naming.UpstreamCert: mine.Cert, naming.UpstreamKey: mine.Key}
			if c.ca != nil {
				files[naming.UpstreamCA] = c.ca
			}
			port := serve(t, users, files, func(in *ConfigInput) {
				in.Upstream = Upstream{Host: c.host, Port: pg.Port, Database: "postgres", SSLMode: c.mode, CA: c.ca != nil, Certificate: true}
			})
			client := testserver.Client{Port: port, User: "postgres", Password: pg.Password}
			encrypted, err := client.Ask(t.Context(), "postgres", "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
			if admitted := err == nil && encrypted == "true"; admitted != c.admitted {
				t.Errorf("TLS towards the server is %q (%v), want a connection: %v", encrypted, err, c.admitted)
			}
		})
	}
}
