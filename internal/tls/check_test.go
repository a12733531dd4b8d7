package tls_test

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

func TestWhatIsWrongWithAnIssuedCertificateIsSaid(t *testing.T) {
	t.Parallel()
	a, b := tlstest.NewAuthority(t, "a"), tlstest.NewAuthority(t, "b")
	leaf := tlstest.Leaf{CommonName: "server", DNSNames: []string{"pg.demo.svc"}, IPs: []string{"127.0.0.1"}}
	good, other := a.Issue(t, leaf), a.Issue(t, leaf)
	expired := leaf
	expired.NotAfter = time.Now().Add(-time.Minute)
	clientOnly := leaf
	clientOnly.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	want := tls.Want{DNSNames: leaf.DNSNames, IPAddresses: leaf.IPs, Usage: x509.ExtKeyUsageServerAuth}
	more := want
	more.DNSNames = []string{"pg.demo.svc", "pg"}
	more.IPAddresses = []string{"10.0.0.1"}
	early := time.Now().Add(-2 * time.Hour)
	for name, c := range map[string]struct {
		issued tls.Issued
		want   tls.Want
		now    time.Time
		says   string
	}{
		"nothing":             {good, want, time.Now(), ""},
		"no certificate":      {tls.Issued{Pair: tls.Pair{Key: good.Key}, CA: good.CA}, want, time.Now(), "there is no certificate"},
		"no key":              {tls.Issued{Pair: tls.Pair{Cert: good.Cert}, CA: good.CA}, want, time.Now(), "there is no private key"},
		"no PEM":              {tls.Issued{Pair: tls.Pair{Cert: []byte("x"), Key: good.Key}, CA: good.CA}, want, time.Now(), "no PEM certificate"},
		"another's key":       {tls.Issued{Pair: tls.Pair{Cert: good.Cert, Key: other.Key}, CA: good.CA}, want, time.Now(), "private key does not match"},
		"expired":             {a.Issue(t, expired), want, time.Now(), "it expired at "},
		"not yet valid":       {good, want, early, "it is not valid before "},
		"of a clock ahead":    {good, want, early.Add(59*time.Minute + 30*time.Second), ""},
		"no authority":        {tls.Issued{Pair: good.Pair}, want, time.Now(), "its issuer gives no certificate of its own"},
		"another authority":   {tls.Issued{Pair: good.Pair, CA: b.PEM}, want, time.Now(), "not signed by the authority in ca.crt"},
		"not for servers":     {a.Issue(t, clientOnly), want, time.Now(), "it may not be used as a server certificate"},
		"a name too few":      {good, more, time.Now(), "it lacks the names pg, 10.0.0.1"},
		"its own certificate": {tls.Issued{Pair: good.Pair, CA: good.Cert}, want, time.Now(), ""},
	} {
		got := tls.Check(c.issued, c.want, c.now)
		if c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%s: says %q, want %q", name, got, c.says)
		}
	}
}

func TestFilesWithABadPairAreRefusedByName(t *testing.T) {
	t.Parallel()
	a := tlstest.NewAuthority(t, "a")
	files := a.Set(t, "postgres").Files()
	if got := tls.CheckFiles(files); got != "" {
		t.Errorf("good files: %s", got)
	}
	files["client.key"] = files["server.key"]
	if got := tls.CheckFiles(files); !strings.HasPrefix(got, "client certificate: private key and certificate") {
		t.Errorf("got %q", got)
	}
	delete(files, "ca.crt")
	if got := tls.CheckFiles(files); !strings.Contains(got, "no certificate of an authority") {
		t.Errorf("got %q", got)
	}
}

// serve answers one client as a PostgreSQL server would: first S or N, then the handshake.
func serve(t *testing.T, answer string, config *stdtls.Config) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := io.ReadFull(conn, make([]byte, 8)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, answer)
		if config != nil {
			_ = stdtls.Server(conn, config).Handshake()
		}
	}()
	return listener.Addr().String()
}

func TestWhatAServerShowsIsSeen(t *testing.T) {
	t.Parallel()
	a := tlstest.NewAuthority(t, "a")
	issued := a.Issue(t, tlstest.Leaf{CommonName: "server"})
	pair, err := stdtls.X509KeyPair(issued.Cert, issued.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]*stdtls.Config{
		"as it is":                   {Certificates: []stdtls.Certificate{pair}},
		"demands a certificate":      {Certificates: []stdtls.Certificate{pair}, ClientAuth: stdtls.RequireAnyClientCert},
		"demands one before the end": {Certificates: []stdtls.Certificate{pair}, ClientAuth: stdtls.RequireAnyClientCert, MaxVersion: stdtls.VersionTLS12},
	} {
		shown, err := tls.Present(context.Background(), serve(t, "S", config))
		if err != nil || shown.Leaf == nil || tls.Serial(shown.Leaf) != tls.Serial(tls.LeafOf(issued.Pair)) {
			t.Errorf("%s: shown %v, error %v", name, shown, err)
		}
	}
	if _, err := tls.Present(context.Background(), serve(t, "N", nil)); !errors.Is(err, tls.ErrNoTLS) {
		t.Errorf("a server without TLS: %v", err)
	}
	if _, err := tls.Present(context.Background(), serve(t, "", nil)); err == nil {
		t.Error("a server that hangs up showed a certificate")
	}
}
