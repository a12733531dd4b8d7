package apply_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// tlsServer is a server that speaks TLS. It takes new certificates at a reload, unless it is stubborn.
type tlsServer struct {
	server
	stubborn bool
	shown    stdtls.Certificate
	address  string
}

func newTLSServer(t *testing.T) *tlsServer {
	t.Helper()
	s := &tlsServer{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := io.ReadFull(conn, make([]byte, 8)); err == nil {
				_, _ = io.WriteString(conn, "S")
				_ = stdtls.Server(conn, &stdtls.Config{Certificates: []stdtls.Certificate{s.shown}}).Handshake()
			}
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return s
}

func (s *tlsServer) TLSAddress() string { return s.address }
func (s *tlsServer) LastWords() string  { return "could not load it" }

func (s *tlsServer) Reload(ctx context.Context, set apply.Set) ([]string, error) {
	if !s.stubborn {
		s.take()
	}
	return s.server.Reload(ctx, set)
}

func (s *tlsServer) begin(ctx context.Context) error {
	s.take()
	return s.start(ctx)
}

func (s *tlsServer) take() {
	if pair, err := stdtls.X509KeyPair(s.disk.Certificates["server.crt"], s.disk.Certificates["server.key"]); err == nil {
		s.shown = pair
	}
}

// secured is an Applier over such a server that has started with a set.
func secured(t *testing.T, set tls.Set) (*tlsServer, *apply.Applier, func() report.Report) {
	t.Helper()
	s := newTLSServer(t)
	r := rig{server: &s.server, said: new(string)}
	r.Applier = apply.New(s, apply.Store{Dir: t.TempDir(), Memory: t.TempDir()}, apply.NewReporter(func(text string) { *r.said = text }))
	r.AwaitCertificates()
	r.want("one")
	if err := r.Start(t.Context(), s.begin); err == nil {
		t.Fatal("started before it was known whether there are certificates")
	}
	r.Certify(set.Files())
	if err := r.Start(t.Context(), s.begin); err != nil {
		t.Fatal(err)
	}
	return s, r.Applier, func() report.Report { return r.report(t) }
}

func TestACertificateIsReportedWhenTheServerShowsIt(t *testing.T) {
	t.Parallel()
	a := tlstest.NewAuthority(t, "a")
	first, second := a.Set(t, "postgres"), a.Set(t, "postgres")
	_, applier, said := secured(t, first)
	if got := said(); got.CertificateHash != report.HashFiles(first.Files()) || got.Serving.Serial != tls.Serial(tls.LeafOf(first.Pairs[tls.Server])) {
		t.Fatalf("report %s", got)
	}
	applier.Certify(second.Files())
	if err := applier.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := said(); got.CertificateHash != report.HashFiles(second.Files()) || got.Serving.Issuer != "CN=a" || got.CertificateProblem != "" {
		t.Errorf("report %s", got)
	}
}

func TestAServerThatRefusesACertificateKeepsTheFormerOne(t *testing.T) {
	t.Parallel()
	a := tlstest.NewAuthority(t, "a")
	first, second := a.Set(t, "postgres"), a.Set(t, "postgres")
	s, applier, said := secured(t, first)
	s.stubborn = true
	applier.Certify(second.Files())
	if err := applier.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := said()
	if !strings.Contains(got.CertificateProblem, "could not load it") || got.CertificateHash != report.HashFiles(first.Files()) {
		t.Errorf("report %s", got)
	}
	if string(s.disk.Certificates["server.crt"]) != string(first.Pairs[tls.Server].Cert) {
		t.Error("the refused certificate stays on the disk")
	}
	s.stubborn = false
	third := a.Set(t, "postgres")
	applier.Certify(third.Files())
	if err := applier.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := said(); got.CertificateProblem != "" || got.CertificateHash != report.HashFiles(third.Files()) {
		t.Errorf("report after a good one: %s", got)
	}
}

func TestAKeyThatDoesNotMatchNeverReachesTheServer(t *testing.T) {
	t.Parallel()
	a := tlstest.NewAuthority(t, "a")
	first, second := a.Set(t, "postgres"), a.Set(t, "postgres")
	s, applier, said := secured(t, first)
	second.Pairs[tls.Server] = tls.Pair{Cert: second.Pairs[tls.Server].Cert, Key: first.Pairs[tls.Server].Key}
	applier.Certify(second.Files())
	if err := applier.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := said(); !strings.Contains(got.CertificateProblem, "private key") || string(s.disk.Certificates["server.crt"]) != string(first.Pairs[tls.Server].Cert) {
		t.Errorf("report %s", got)
	}
	applier.Certify(first.Files())
	if err := applier.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := said(); got.CertificateProblem != "" {
		t.Errorf("the problem stays when what is in force is published again: %s", got)
	}
}

func TestTheFolderHoldsExactlyTheCertificates(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	set := tlstest.NewAuthority(t, "a").Set(t, "postgres").Files()
	place := apply.Place{Pair: tls.Server, Folder: "server", Crt: "a.crt", Key: "a.key", CA: "ca.pem"}
	if err := apply.WriteCertificates(root, place.Files(set)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(root, "server", "a.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	if got := (apply.Place{Pair: tls.Exporter}).Files(set); got != nil {
		t.Errorf("a pair that is not published has files: %v", got)
	}
	if err := apply.WriteCertificates(root, nil); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "server", "*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if err := apply.WriteCertificates(filepath.Join(root, "absent"), nil); err != nil {
		t.Errorf("an absent folder: %v", err)
	}
}
