package pgpool

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testserver"
	mtls "github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// clientTLS verifies the server as sslmode=verify-full does, and shows a certificate if there is one.
func clientTLS(t *testing.T, authority *tlstest.Authority, own *mtls.Issued) *tls.Config {
	t.Helper()
	config := &tls.Config{ServerName: "pp.demo.svc", RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
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

// writeTLS writes what the agent would: the server's certificate and the authorities.
func (r running) writeTLS(t *testing.T, served mtls.Issued, authorities ...[]byte) {
	t.Helper()
	testserver.Write(t, filepath.Join(r.dir, "tls.crt"), string(served.Cert))
	testserver.Write(t, filepath.Join(r.dir, "tls.key"), string(served.Key))
	r.trust(t, authorities...)
}

func (r running) trust(t *testing.T, authorities ...[]byte) {
	t.Helper()
	var all strings.Builder
	for _, one := range authorities {
		all.Write(one)
	}
	testserver.Write(t, filepath.Join(r.dir, naming.PgpoolCA), all.String())
}

func TestClientsComeInAsSSLModeAndClientAuthModeSay(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	authority, other := tlstest.NewAuthority(t, "ours"), tlstest.NewAuthority(t, "theirs")
	served := authority.Issue(t, tlstest.Leaf{CommonName: "pp", DNSNames: []string{"pp.demo.svc"}})
	mine, foreign := authority.Issue(t, tlstest.Leaf{CommonName: "postgres"}), other.Issue(t, tlstest.Leaf{CommonName: "postgres"})
	somebody := authority.Issue(t, tlstest.Leaf{CommonName: "somebody"})
	clients := map[string]*tls.Config{
		"no TLS": nil, "TLS": clientTLS(t, authority, nil), "his certificate": clientTLS(t, authority, &mine),
		"another's certificate": clientTLS(t, authority, &somebody), "a foreign certificate": clientTLS(t, authority, &foreign),
	}
	const everybody = "no TLS, TLS, his certificate, another's certificate"
	const encrypted = "TLS, his certificate, another's certificate"
	for _, c := range []struct {
		mode sharedv1.SSLMode
		auth sharedv1.ClientAuthMode
		want string
	}{
		{sharedv1.SSLModeAllow, sharedv1.ClientAuthModeScram, everybody},
		{sharedv1.SSLModePrefer, sharedv1.ClientAuthModeMD5, everybody},
		{sharedv1.SSLModeRequire, sharedv1.ClientAuthModeScram, encrypted},
		{sharedv1.SSLModeVerifyFull, sharedv1.ClientAuthModeMD5, encrypted},
		{sharedv1.SSLModePrefer, sharedv1.ClientAuthModeCert, "his certificate"},
		{sharedv1.SSLModeVerifyCA, sharedv1.ClientAuthModeCert, "his certificate"},
	} {
		t.Run(string(c.mode)+" "+string(c.auth), func(t *testing.T) {
			t.Parallel()
			r := prepare(t, pg, map[string]string{"postgres": pg.Password}, func(in *ConfigInput) {
				in.ClientAuthMode, in.SSLMode, in.TLS = c.auth, c.mode, TLS{Serve: true, Verify: true}
			})
			r.writeTLS(t, served, authority.PEM)
			r.serve(t)
			for name, config := range clients {
				client := testserver.Client{Port: r.port, User: "postgres", Password: pg.Password, TLS: config}
				_, err := client.Ask(t.Context(), "postgres", "SELECT current_user::text")
				if admitted := err == nil; admitted != strings.Contains(c.want, name) || name == "TLS" && admitted != strings.Contains(c.want, "TLS, ") {
					t.Errorf("a client with %s: %v; want to let in: %s", name, err, c.want)
				}
			}
		})
	}
}

func TestTheServerBehindGainsChangesAndLosesTLSWithoutARestart(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	first, second, nobody := tlstest.NewAuthority(t, "first"), tlstest.NewAuthority(t, "second"), tlstest.NewAuthority(t, "nobody")
	r := prepare(t, pg, map[string]string{"postgres": pg.Password}, func(in *ConfigInput) { in.TLS = TLS{Verify: true} })
	r.trust(t, nobody.PEM)
	r.serve(t)
	encrypted := func(want string) {
		t.Helper()
		if got, err := r.ask(t, "postgres", pg.Password); err != nil || got != "postgres" {
			t.Fatalf("logs in as %q: %v", got, err)
		}
		me := testserver.Client{Port: r.port, User: "postgres", Password: pg.Password}
		got, err := me.Ask(t.Context(), "postgres", "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
		if err != nil || got != want {
			t.Errorf("TLS towards the server is %q, want %s: %v", got, want, err)
		}
	}
	refused := func(why string) {
		t.Helper()
		if who, err := r.ask(t, "postgres", pg.Password); err == nil {
			t.Errorf("%s: %s logs in all the same", why, who)
		}
	}
	encrypted("false")
	behind := first.Issue(t, tlstest.Leaf{CommonName: "pg"})
	pg.ServeTLS(t, behind.Cert, behind.Key, first.PEM)
	refused("the server's authority is not known yet")
	r.trust(t, first.PEM)
	encrypted("true")
	r.trust(t, first.PEM, second.PEM)
	behind = second.Issue(t, tlstest.Leaf{CommonName: "pg"})
	pg.ServeTLS(t, behind.Cert, behind.Key, second.PEM)
	encrypted("true")
	r.trust(t, first.PEM)
	refused("the server's authority is trusted no more")
	pg.ServeNoTLS(t)
	encrypted("false")
}
