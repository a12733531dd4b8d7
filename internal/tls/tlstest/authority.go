// Package tlstest makes authorities and certificates for tests, as cert-manager would issue them.
package tlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/tls"
)

// Authority signs certificates.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// PEM is its own certificate.
	PEM []byte
}

// NewAuthority makes an authority of that name.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	a := &Authority{cert: template, key: newKey(t)}
	a.PEM = a.sign(t, template, a.key)
	block, _ := pem.Decode(a.PEM)
	var err error
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatalf("read the authority %s: %v", name, err)
	}
	return a
}

// Leaf is what a certificate says.
type Leaf struct {
	CommonName string
	DNSNames   []string
	IPs        []string
	// NotAfter is when it expires; in a day if not given.
	NotAfter time.Time
	// Usages are those of server and client if not given.
	Usages []x509.ExtKeyUsage
}

// Issue makes a certificate with a key of its own.
func (a *Authority) Issue(t testing.TB, leaf Leaf) tls.Issued {
	t.Helper()
	key := newKey(t)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("encode a key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: leaf.CommonName}, DNSNames: leaf.DNSNames,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: leaf.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: leaf.Usages, BasicConstraintsValid: true,
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(24 * time.Hour)
	}
	if template.ExtKeyUsage == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	for _, ip := range leaf.IPs {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
	}
	return tls.Issued{
		Pair: tls.Pair{Cert: a.sign(t, template, key), Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})},
		CA:   a.PEM,
	}
}

// Set issues a server certificate for the names, the loopback addresses included, and a client certificate for the user.
func (a *Authority) Set(t testing.TB, user string, names ...string) tls.Set {
	t.Helper()
	return tls.Of(map[string]tls.Issued{
		tls.Server: a.Issue(t, Leaf{CommonName: "server", DNSNames: append(names, "localhost"), IPs: []string{"127.0.0.1"}}),
		tls.Client: a.Issue(t, Leaf{CommonName: user}),
	})
}

func (a *Authority) sign(t testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatalf("sign a certificate: %v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("choose a serial number: %v", err)
	}
	return n
}
