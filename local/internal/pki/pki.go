// Package pki makes the keys and certificates of the cluster, once, and again
// when one is missing, near its end, or no longer says what it has to say.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/atomicfile"
)

const (
	lifetime = 10 * 365 * 24 * time.Hour
	// renewBefore is long enough that a cluster which is started once a month
	// never meets an expired certificate.
	renewBefore = 60 * 24 * time.Hour
	// skew tolerates a clock that was set back after the certificate was made.
	skew = time.Hour
)

// Authority signs certificates; its files are NAME.crt and NAME.key in Dir.
type Authority struct {
	Dir  string
	Name string

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Subject is what a certificate is to say. It is good for servers when it has
// names or addresses, and for clients always.
type Subject struct {
	CommonName    string
	Organizations []string
	DNSNames      []string
	Addresses     []net.IP
}

// Pair names the files of a certificate and its key.
type Pair struct{ Certificate, Key string }

// Files are the authority's own files.
func (a *Authority) Files() Pair { return pair(a.Dir, a.Name) }

func pair(dir, name string) Pair {
	return Pair{Certificate: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
}

// OpenAuthority loads the authority NAME in dir, or creates it.
func OpenAuthority(dir, name string, now time.Time) (*Authority, error) {
	a := &Authority{Dir: dir, Name: name}
	err := a.load()
	if err == nil && now.Add(renewBefore).Before(a.certificate.NotAfter) {
		return a, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("load certificate authority %s: %w", name, err)
	}
	if err := a.create(now); err != nil {
		return nil, fmt.Errorf("create certificate authority %s: %w", name, err)
	}
	return a, nil
}

func (a *Authority) load() error {
	certificate, err := readCertificate(a.Files().Certificate)
	if err != nil {
		return err
	}
	key, err := readKey(a.Files().Key)
	if err != nil {
		return err
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		// A run was killed between the two writes: the pair is worthless.
		return fmt.Errorf("%s does not belong to %s: %w", a.Files().Key, a.Files().Certificate, fs.ErrNotExist)
	}
	a.certificate, a.key = certificate, key
	return nil
}

func (a *Authority) create(now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: a.Name},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if template.SerialNumber, err = serial(); err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := writePair(a.Files(), der, key); err != nil {
		return err
	}
	return a.load()
}

// Issue makes sure that NAME.crt and NAME.key in the authority's folder are a
// certificate for the subject, signed by this authority and good for a while.
func (a *Authority) Issue(name string, subject Subject, now time.Time) (Pair, error) {
	files := pair(a.Dir, name)
	if a.holds(files, subject, now) {
		return files, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("issue certificate %s: %w", name, err)
	}
	template := subject.template(now)
	if template.SerialNumber, err = serial(); err != nil {
		return Pair{}, fmt.Errorf("issue certificate %s: %w", name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("issue certificate %s: %w", name, err)
	}
	if err := writePair(files, der, key); err != nil {
		return Pair{}, fmt.Errorf("issue certificate %s: %w", name, err)
	}
	return files, nil
}

func (s Subject) template(now time.Time) *x509.Certificate {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: s.CommonName, Organization: s.Organizations},
		NotBefore:   now.Add(-skew),
		NotAfter:    now.Add(lifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		DNSNames:    s.DNSNames,
		IPAddresses: s.Addresses,
	}
	if len(s.DNSNames)+len(s.Addresses) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	return template
}

// holds says whether the files already are what Issue would make.
func (a *Authority) holds(files Pair, want Subject, now time.Time) bool {
	certificate, err := readCertificate(files.Certificate)
	if err != nil {
		return false
	}
	key, err := readKey(files.Key)
	if err != nil || !key.PublicKey.Equal(certificate.PublicKey) {
		return false
	}
	return certificate.CheckSignatureFrom(a.certificate) == nil &&
		now.Add(renewBefore).Before(certificate.NotAfter) &&
		certificate.Subject.CommonName == want.CommonName &&
		slices.Equal(certificate.Subject.Organization, want.Organizations) &&
		slices.Equal(certificate.DNSNames, want.DNSNames) &&
		slices.EqualFunc(certificate.IPAddresses, want.Addresses, net.IP.Equal)
}

// SigningKey makes sure that NAME.key and NAME.pub in dir are a key pair, used
// by the API server for the tokens of service accounts.
func SigningKey(dir, name string) (private, public string, err error) {
	private, public = filepath.Join(dir, name+".key"), filepath.Join(dir, name+".pub")
	key, err := readKey(private)
	if errors.Is(err, fs.ErrNotExist) {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
			err = writeKey(private, key)
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("signing key %s: %w", name, err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", "", fmt.Errorf("signing key %s: %w", name, err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return private, public, atomicfile.Write(public, block, 0o644)
}

func serial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

func writePair(files Pair, der []byte, key *ecdsa.PrivateKey) error {
	if err := writeKey(files.Key, key); err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return atomicfile.Write(files.Certificate, block, 0o644)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

func readCertificate(path string) (*x509.Certificate, error) {
	der, err := readBlock(path)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	der, err := readBlock(path)
	if err != nil {
		return nil, err
	}
	return x509.ParseECPrivateKey(der)
}

func readBlock(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return block.Bytes, nil
}
