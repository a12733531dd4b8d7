package pgpool

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// writeCertificates writes the server's own certificate and the authorities that it trusts: its own, which signed the
// clients' certificates, and those of the PostgreSQL behind it. Pgpool reads the latter anew for each connection to
// PostgreSQL, so they are in force at once.
func (s *Server) writeCertificates(set apply.Set) error {
	trusted := slices.Concat(set.Certificates[naming.TLSCA], set.Credentials[naming.UpstreamCA])
	if len(trusted) == 0 {
		// Without a readable file Pgpool would talk to the server without TLS. Until the server has a certificate,
		// nobody's is the right one.
		trusted = s.nobody
	}
	for _, one := range []struct {
		name    string
		content []byte
	}{
		{naming.PgpoolCA, trusted},
		{corev1.TLSCertKey, set.Certificates[naming.TLSServerCrt]},
		{corev1.TLSPrivateKeyKey, set.Certificates[naming.TLSServerKey]},
	} {
		path := filepath.Join(s.opts.TLS, one.name)
		if len(one.content) == 0 {
			if err := apply.RemoveFile(path); err != nil {
				return err
			}
			continue
		}
		if err := apply.WriteFile(path, one.content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// newNobody makes an authority whose key nobody has.
func newNobody() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a placeholder for the authorities: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nobody is trusted"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(0, 0), IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a placeholder for the authorities: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), nil
}

// Parameters of the certificates. The first stands, among those that wait for a restart, for all of them.
const (
	certificate = "ssl_cert"
	authorities = "ssl_ca_cert"
)

// presented is what clients meet: the server's certificate and, where clients have to show one, the authorities for it.
// Pgpool up to 4.7 reads both when the process starts and never again (SSL_ServerSide_init of src/utils/pool_ssl.c).
func presented(set apply.Set) string {
	files := apply.Files{}
	for _, name := range []string{naming.TLSServerCrt, naming.TLSServerKey} {
		if content, found := set.Certificates[name]; found {
			files[name] = content
		}
	}
	if asksForCertificates(set) {
		files[naming.TLSCA] = set.Certificates[naming.TLSCA]
	}
	return files.Hash()
}

// TLSAddress is where clients meet the server's certificate; empty if it was started without one of ours.
func (s *Server) TLSAddress() string {
	if s.started == nil || !s.ours(s.started) || s.begun.Certificates == nil {
		return ""
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port()))
}

// ours tells whether the settings lead to the certificates that the operator publishes, and not to a file of the user's.
func (s *Server) ours(settings *conf.Settings) bool {
	return filepath.Dir(setting(settings, certificate, "")) == s.opts.TLS
}

// ahead tells whether pool_hba.conf asks clients for what the running process will be able to do only after a restart:
// TLS, or to check certificates. In force before that it would let nobody in.
func (s *Server) ahead(settings *conf.Settings, set apply.Set) bool {
	select {
	case <-s.Exited():
		return false
	default:
	}
	gainsTLS := s.ours(settings) && s.TLSAddress() == ""
	gainsChecks := asksForCertificates(set) && !s.started.Has(authorities)
	return gainsTLS || gainsChecks
}
