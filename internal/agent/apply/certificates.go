package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/tls"
)

// AwaitCertificates says that Certify will be called: until then it is not known whether there are certificates.
func (a *Applier) AwaitCertificates() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.awaits = true
}

// Certify says which certificates are published now; nil for none.
func (a *Applier) Certify(files Files) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted.Certificates, a.awaits = files, false
}

// CertificatesOf reads the Secret with the published certificates; nil if there is none.
func CertificatesOf(secret *corev1.Secret) Files {
	if secret == nil {
		return nil
	}
	return tls.FromFiles(secret.Data).Files()
}

// badCertificates is the error of a server that goes on with other certificates than those it was given.
type badCertificates struct{ words string }

func (b *badCertificates) Error() string { return b.words }

// usable returns the published certificates, or those to keep while the published ones cannot be used. The operator
// checks before it publishes; what is found here was written by somebody else.
func (a *Applier) usable(published, otherwise Files) Files {
	if published == nil {
		a.forgiveCertificates()
		return nil
	}
	hash := published.Hash()
	if hash == a.badCerts {
		return otherwise
	}
	fault := tls.CheckFiles(published)
	if fault == "" {
		a.forgiveCertificates()
		return published
	}
	a.refuseCertificates(hash, fault)
	return otherwise
}

// forgiveCertificates drops a refusal once the refused certificates are no longer wanted.
func (a *Applier) forgiveCertificates() {
	if a.badCerts == "" {
		return
	}
	a.badCerts = ""
	a.report.Update(func(r *report.Report) { r.CertificateProblem = "" })
}

func (a *Applier) refuseCertificates(hash, fault string) {
	a.badCerts = hash
	slog.Warn("the published certificates cannot be used", "hash", hash, "fault", fault)
	a.report.Update(func(r *report.Report) { r.CertificateProblem = shorten(fault) })
}

// keepCertificates goes back to the certificates in force after the server refused new ones, on disk too: it would not
// start with what is there now.
func (a *Applier) keepCertificates(ctx context.Context, wanted Set, bad *badCertificates) error {
	if a.inForce.Certificates == nil || wanted.Certificates.Hash() == a.inForce.Certificates.Hash() {
		a.report.Update(func(r *report.Report) { r.CertificateProblem = shorten(bad.words) })
		return bad // there is nothing to go back to: try again
	}
	a.refuseCertificates(wanted.Certificates.Hash(), bad.words)
	wanted.Certificates = a.inForce.Certificates
	if err := a.bringUntried(ctx, wanted); err != nil {
		return fmt.Errorf("return to the certificates in force: %w", err)
	}
	return nil
}

const (
	// proveWithin is how long a server may take to show a new certificate after its reload.
	proveWithin = 5 * time.Second
	proveEvery  = 50 * time.Millisecond
)

// prove makes handshakes with the own server until it shows the certificate that it was given, or any if it takes that
// one only after a restart.
func (a *Applier) prove(ctx context.Context, set Set) error {
	server, can := a.server.(TLSServer)
	if !can {
		return nil
	}
	leaf := tls.LeafOf(tls.FromFiles(set.Certificates).Pairs[tls.Server])
	if leaf == nil { // what a user set up on his own is his own
		a.serving = nil
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	for {
		address := server.TLSAddress()
		if address == "" {
			a.serving = nil
			return nil
		}
		shown, err := tls.Present(ctx, address)
		if err == nil && (a.late || shown.Leaf.Equal(leaf)) {
			a.serving = &report.Serving{
				Serial: tls.Serial(shown.Leaf), Issuer: shown.Leaf.Issuer.String(),
				NotAfter: shown.Leaf.NotAfter.UTC().Format(time.RFC3339),
			}
			return nil
		}
		if err == nil {
			err = fmt.Errorf("the server goes on to show the certificate %s of %s", tls.Serial(shown.Leaf), shown.Leaf.Issuer)
		}
		select {
		case <-ctx.Done():
			return &badCertificates{words: strings.TrimSpace(err.Error() + ": " + server.LastWords())}
		case <-time.After(proveEvery):
		}
	}
}

// WriteCertificates makes a folder hold exactly the given files, which are named by their path in it. Each is replaced as
// a whole; the caller reloads the server when all of them are there.
func WriteCertificates(root string, files Files) error {
	for name, content := range files {
		if err := WriteFile(filepath.Join(root, name), content, 0o600); err != nil {
			return err
		}
	}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if _, wanted := files[name]; err != nil || wanted {
			return err
		}
		return os.Remove(path)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove certificates that are no longer in use: %w", err)
	}
	return nil
}

// Place is where a server wants one of the published pairs, and the authorities beside it.
type Place struct {
	// Pair is one of the names in package tls.
	Pair string
	// Folder, Crt, Key and CA are the names of the folder and the files.
	Folder, Crt, Key, CA string
}

// Files names the files for the place, as WriteCertificates takes them; nil if the pair is not published.
func (p Place) Files(published Files) Files {
	set := tls.FromFiles(published)
	pair, found := set.Pairs[p.Pair]
	if !found {
		return nil
	}
	return Files{
		filepath.Join(p.Folder, p.Crt): pair.Cert,
		filepath.Join(p.Folder, p.Key): pair.Key,
		filepath.Join(p.Folder, p.CA):  set.CA,
	}
}

// Wanted returns what the server shall have now, with certificates that can be used; what is kept of the last time while
// the Secrets have not been read.
func (a *Applier) Wanted() (Set, error) {
	wanted, _, err := a.candidates()
	return wanted, err
}
