package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"testing"
	"time"
)

var now = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func authority(t *testing.T, dir string, at time.Time) *Authority {
	t.Helper()
	a, err := OpenAuthority(dir, "ca", at)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var server = Subject{CommonName: "server", DNSNames: []string{"server.local"}, Addresses: []net.IP{net.IPv4(10, 1, 2, 3)}}

func TestAnIssuedCertificateIsTrustedForItsNames(t *testing.T) {
	t.Parallel()
	a := authority(t, t.TempDir(), now)
	files, err := a.Issue("server", server, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(files.Certificate, files.Key); err != nil {
		t.Fatal(err)
	}
	certificate, err := readCertificate(files.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	for _, name := range []string{"server.local", "10.1.2.3"} {
		options := x509.VerifyOptions{Roots: pool, DNSName: name, CurrentTime: now.AddDate(9, 0, 0)}
		if _, err := certificate.Verify(options); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACertificateWithoutNamesIsForClientsOnly(t *testing.T) {
	t.Parallel()
	template := Subject{CommonName: "admin"}.template(now)
	if len(template.ExtKeyUsage) != 1 || template.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("its uses are %v", template.ExtKeyUsage)
	}
}

func TestIssueChangesACertificateOnlyWhenItMust(t *testing.T) {
	t.Parallel()
	other := server
	other.Addresses = []net.IP{net.IPv4(10, 9, 9, 9)}
	for name, each := range map[string]struct {
		subject Subject
		at      time.Time
		spoil   func(Pair) error
		renewed bool
	}{
		"the same again":         {server, now, nil, false},
		"years later":            {server, now.AddDate(5, 0, 0), nil, false},
		"near its end":           {server, now.Add(lifetime - renewBefore), nil, true},
		"another address":        {other, now, nil, true},
		"the key is missing":     {server, now, func(p Pair) error { return os.Remove(p.Key) }, true},
		"the certificate is cut": {server, now, func(p Pair) error { return os.Truncate(p.Certificate, 10) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := authority(t, t.TempDir(), now)
			files, err := a.Issue("server", server, now)
			if err != nil {
				t.Fatal(err)
			}
			before := content(t, files.Certificate)
			if each.spoil != nil {
				if err := each.spoil(files); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := a.Issue("server", each.subject, each.at); err != nil {
				t.Fatal(err)
			}
			if renewed := content(t, files.Certificate) != before; renewed != each.renewed {
				t.Errorf("renewed is %v, want %v", renewed, each.renewed)
			}
		})
	}
}

func TestAnAuthorityIsKeptAcrossRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := authority(t, dir, now), authority(t, dir, now.AddDate(1, 0, 0))
	if !first.certificate.Equal(second.certificate) {
		t.Error("the second run made another authority")
	}
}

func TestAnAuthorityKilledBetweenItsTwoFilesIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := authority(t, dir, now)
	stray, err := old.Issue("stray", Subject{CommonName: "stray"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(stray.Key, old.Files().Key); err != nil {
		t.Fatal(err)
	}
	renewed := authority(t, dir, now)
	if renewed.certificate.Equal(old.certificate) {
		t.Error("a key and a certificate that do not belong together are used")
	}
	if _, err := renewed.Issue("server", server, now); err != nil {
		t.Errorf("the new authority does not sign: %v", err)
	}
}

func TestTheSigningKeyStaysWhenItsPublicHalfIsLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	private, public, err := SigningKey(dir, "sa")
	if err != nil {
		t.Fatal(err)
	}
	before := content(t, private) + content(t, public)
	if err := os.Remove(public); err != nil {
		t.Fatal(err)
	}
	if _, _, err := SigningKey(dir, "sa"); err != nil {
		t.Fatal(err)
	}
	if content(t, private)+content(t, public) != before {
		t.Error("the key has changed: every token of the cluster would be void")
	}
	if info, err := os.Stat(private); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key has mode %v, %v", info.Mode(), err)
	}
}
