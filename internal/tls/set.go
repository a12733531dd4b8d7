package tls

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"slices"

	"github.com/matriarchdb/matriarch/internal/naming"
)

// Names of the pairs in a Set, which are those of their files.
const (
	Server   = "server"
	Client   = "client"
	Exporter = "exporter"
)

const (
	certSuffix = ".crt"
	keySuffix  = ".key"
)

// Pair is a certificate and its key, both as PEM. The intermediates follow the certificate.
type Pair struct{ Cert, Key []byte }

// Same tells whether it is the same certificate with the same key.
func (p Pair) Same(other Pair) bool {
	return bytes.Equal(p.Cert, other.Cert) && bytes.Equal(p.Key, other.Key)
}

// Set is what all parties of one database share: the pairs by name, and the authorities that each of them trusts.
type Set struct {
	Pairs map[string]Pair
	// CA are the authorities, as PEM.
	CA []byte
}

// Empty tells whether there is nothing in the set.
func (s Set) Empty() bool { return len(s.Pairs) == 0 }

// Files renders the set as the data of a Secret: ca.crt, and a .crt and a .key for each pair. Nil for an empty set.
func (s Set) Files() map[string][]byte {
	if s.Empty() {
		return nil
	}
	files := map[string][]byte{naming.TLSCA: s.CA}
	for name, pair := range s.Pairs {
		files[name+certSuffix], files[name+keySuffix] = pair.Cert, pair.Key
	}
	return files
}

// FromFiles reads what Files rendered. A file that is missing makes a pair that Check finds fault with.
func FromFiles(files map[string][]byte) Set {
	s := Set{Pairs: map[string]Pair{}, CA: files[naming.TLSCA]}
	for _, name := range []string{Server, Client, Exporter} {
		pair := Pair{Cert: files[name+certSuffix], Key: files[name+keySuffix]}
		if len(pair.Cert)+len(pair.Key) > 0 {
			s.Pairs[name] = pair
		}
	}
	return s
}

// Issued is one pair as its issuer made it, with the issuer's own certificates.
type Issued struct {
	Pair
	CA []byte
}

// Of puts issued pairs together: everybody trusts the authority of each.
func Of(issued map[string]Issued) Set {
	s := Set{Pairs: map[string]Pair{}}
	for _, name := range slices.Sorted(maps.Keys(issued)) {
		s.Pairs[name] = issued[name].Pair
		s.CA = union(s.CA, issued[name].CA)
	}
	return s
}

// certificates parses all certificates of a PEM text; what is none is passed over.
func certificates(text []byte) []*x509.Certificate {
	var found []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return found
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			found = append(found, cert)
		}
	}
}

// union appends to the authorities in one text those of another that it lacks.
func union(first, more []byte) []byte {
	have := certificates(first)
	out := first
	for _, cert := range certificates(more) {
		if !slices.ContainsFunc(have, cert.Equal) {
			have = append(have, cert)
			out = append(slices.Clip(out), encode(cert)...)
		}
	}
	return out
}

func encode(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// sameAuthorities tells whether two texts hold the same certificates, in whatever order.
func sameAuthorities(a, b []byte) bool {
	left, right := certificates(a), certificates(b)
	return len(left) == len(right) && !slices.ContainsFunc(left, func(c *x509.Certificate) bool {
		return !slices.ContainsFunc(right, c.Equal)
	})
}
