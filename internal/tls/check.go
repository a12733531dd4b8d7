package tls

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Want is what a certificate was asked to be.
type Want struct {
	DNSNames    []string
	IPAddresses []string
	// Usage that it must be good for; 0 asks for none.
	Usage x509.ExtKeyUsage
}

// clockSkew is how far the clock of whoever issues may be ahead. A fresh certificate begins at the moment of its issue.
const clockSkew = time.Minute

// Check says what is wrong with an issued pair, empty if nothing is. Nothing is published that has a fault.
func Check(issued Issued, want Want, now time.Time) string {
	if fault := CheckPair(issued.Pair); fault != "" {
		return fault
	}
	leaf := certificates(issued.Cert)[0]
	switch {
	case now.After(leaf.NotAfter):
		return "it expired at " + leaf.NotAfter.UTC().Format(time.RFC3339)
	case now.Add(clockSkew).Before(leaf.NotBefore):
		return "it is not valid before " + leaf.NotBefore.UTC().Format(time.RFC3339)
	case len(certificates(issued.CA)) == 0:
		return "its issuer gives no certificate of its own (ca.crt), so nobody could verify it; use an issuer that does, such as one of the kind CA or Vault"
	case !signedBy(issued.Pair, issued.CA):
		return "it is not signed by the authority in ca.crt"
	case want.Usage != 0 && !goodFor(leaf, want.Usage):
		return fmt.Sprintf("it may not be used as a %s certificate (extended key usage)", usageNames[want.Usage])
	}
	if missing := missingNames(leaf, want); len(missing) > 0 {
		return "it lacks the names " + strings.Join(missing, ", ") + "; the issuer must not drop names that the Certificate asks for"
	}
	return ""
}

var usageNames = map[x509.ExtKeyUsage]string{x509.ExtKeyUsageServerAuth: "server", x509.ExtKeyUsageClientAuth: "client"}

// CheckPair says what is wrong with a pair by itself, empty if nothing is: a server could not load it.
func CheckPair(p Pair) string {
	switch {
	case len(p.Cert) == 0:
		return "there is no certificate"
	case len(p.Key) == 0:
		return "there is no private key"
	case len(certificates(p.Cert)) == 0:
		return "its certificate is no PEM certificate"
	}
	if _, err := tls.X509KeyPair(p.Cert, p.Key); err != nil {
		return "private key and certificate cannot be used together: " + strings.TrimPrefix(err.Error(), "tls: ")
	}
	return ""
}

// CheckFiles is CheckPair for every pair among the files of a Set.
func CheckFiles(files map[string][]byte) string {
	s := FromFiles(files)
	if len(certificates(s.CA)) == 0 {
		return "there is no certificate of an authority"
	}
	for _, name := range []string{Server, Client, Exporter} {
		if pair, found := s.Pairs[name]; found {
			if fault := CheckPair(pair); fault != "" {
				return fmt.Sprintf("%s certificate: %s", name, fault)
			}
		}
	}
	return ""
}

func goodFor(leaf *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(leaf.ExtKeyUsage) == 0 && len(leaf.UnknownExtKeyUsage) == 0 ||
		slices.Contains(leaf.ExtKeyUsage, usage) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func missingNames(leaf *x509.Certificate, want Want) []string {
	var missing []string
	for _, name := range want.DNSNames {
		if !slices.Contains(leaf.DNSNames, name) {
			missing = append(missing, name)
		}
	}
	for _, address := range want.IPAddresses {
		ip := net.ParseIP(address)
		if !slices.ContainsFunc(leaf.IPAddresses, func(have net.IP) bool { return have.Equal(ip) }) {
			missing = append(missing, address)
		}
	}
	return missing
}
