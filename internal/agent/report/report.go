// Package report is the protocol between a pod's agent and the operator: what the agent says about the
// configuration and the credentials that its server has in force.
//
// The agent is the only writer of a Report, the operator only reads it. A Report carries no time and nothing that
// changes by itself, so an idle server causes no write. Whoever waits for a configuration compares ConfigHash with
// HashFiles of the Secret that it wrote: the agent sets ConfigHash only after the server was asked and answered
// with the new values, or listed the ones that wait for a restart.
package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/naming"
)

// Report is what one agent says about its server.
type Report struct {
	// ConfigHash is HashFiles of the configuration that was validated, written, applied and verified.
	ConfigHash string `json:"configHash,omitempty"`
	// CredentialsHash is HashFiles of the credential files in force (poolers only).
	CredentialsHash string `json:"credentialsHash,omitempty"`
	// CertificateHash is HashFiles of the published certificates that are in place and, if the server speaks TLS, were
	// seen in a handshake with it. Empty without TLS.
	CertificateHash string `json:"certificateHash,omitempty"`
	// CertificateProblem says why the newest published certificates are not in force; the former ones are.
	CertificateProblem string `json:"certificateProblem,omitempty"`
	// UpstreamHash is UpstreamHash of what a pooler trusts and shows to the PostgreSQL behind it. Empty without TLS there.
	UpstreamHash string `json:"upstreamHash,omitempty"`
	// Serving is the certificate that the server showed in a handshake; nil while it speaks no TLS.
	Serving *Serving `json:"serving,omitempty"`
	// PendingRestart names, sorted, the parameters whose value on disk the running server takes only after a restart.
	PendingRestart []string `json:"pendingRestart,omitempty"`
	// AfterPrimary names those of PendingRestart that a restart of this standby would not take into force yet: the
	// primary has more of it, as far as this standby has replayed, and a standby must not have less.
	AfterPrimary []string `json:"afterPrimary,omitempty"`
	// BeforePrimary names those of PendingRestart that must be in force in this standby before the primary has them.
	BeforePrimary []string `json:"beforePrimary,omitempty"`
	// NotStreaming tells that this is a standby and receives no WAL at the moment. An agent of a former release never
	// says so.
	NotStreaming bool `json:"notStreaming,omitempty"`
	// Rejected is set while the newest configuration is refused; the former one is then still in force.
	Rejected *Rejection `json:"rejected,omitempty"`
	// ServerVersion is what the running server says of itself, such as 15.18 or 4.3.5.
	ServerVersion string `json:"serverVersion,omitempty"`
	// Source names the server elsewhere that this one streams from; empty for a primary and its standbys.
	Source string `json:"source,omitempty"`
	// SessionsCut is how many client sessions the server ended when the pod ended; nil before that, and where nobody
	// counted. It is the last thing that an agent says.
	SessionsCut *int `json:"sessionsCut,omitempty"`
	// Problem says in the server's or the agent's words why the server does not serve, empty while it does.
	Problem string `json:"problem,omitempty"`
}

// Rejection says which configuration was refused and why.
type Rejection struct {
	ConfigHash string `json:"configHash"`
	// Message holds the server's own words.
	Message string `json:"message"`
}

// Serving is a certificate that a server shows.
type Serving struct {
	// Serial is the serial number in hexadecimal.
	Serial string `json:"serial"`
	// Issuer is the distinguished name of who signed it.
	Issuer string `json:"issuer"`
	// NotAfter is when it expires (RFC 3339).
	NotAfter string `json:"notAfter"`
}

// UpstreamFiles picks from published certificates those that a pooler needs towards its PostgreSQL.
func UpstreamFiles(published map[string][]byte) map[string][]byte {
	files := map[string][]byte{}
	for _, name := range []string{naming.TLSCA, naming.TLSClientCrt, naming.TLSClientKey} {
		if content, found := published[name]; found {
			files[name] = content
		}
	}
	return files
}

// UpstreamHash identifies the certificates that a pooler uses towards its PostgreSQL; empty if there are none.
func UpstreamHash(published map[string][]byte) string {
	files := UpstreamFiles(published)
	if len(files) == 0 {
		return ""
	}
	return HashFiles(files)
}

// Accepted tells whether the configuration with this hash is in force, apart from PendingRestart.
func (r Report) Accepted(hash string) bool { return hash != "" && r.ConfigHash == hash }

// Refused returns the server's words if the configuration with this hash was refused.
func (r Report) Refused(hash string) (string, bool) {
	if r.Rejected == nil || r.Rejected.ConfigHash != hash {
		return "", false
	}
	return r.Rejected.Message, true
}

// CertificateParameters stand, in PendingRestart, for the certificates that clients meet: new ones are in place, and the
// server shows them after a restart.
var CertificateParameters = []string{"ssl_cert", "client_tls_cert_file"}

// CertificatesWait tells whether the server shows the newest certificates only after a restart.
func (r Report) CertificatesWait() bool {
	return slices.ContainsFunc(r.PendingRestart, func(name string) bool { return slices.Contains(CertificateParameters, name) })
}

// Parse reads a pod's annotations. A pod whose agent has not reported yet gives the zero Report.
func Parse(annotations map[string]string) (Report, error) {
	text, found := annotations[naming.AnnotationReport]
	if !found {
		return Report{}, nil
	}
	var r Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return Report{}, fmt.Errorf("read annotation %s: %w", naming.AnnotationReport, err)
	}
	return r, nil
}

// String renders the Report as the annotation's value; equal Reports render equally.
func (r Report) String() string {
	text, err := json.Marshal(r)
	if err != nil { // only strings and slices of them: cannot fail
		panic(err)
	}
	return string(text)
}

// HashFiles identifies a set of files by name and content. Keys that end in naming.PrevSuffix are no part of it:
// they are what came before.
func HashFiles(files map[string][]byte) string {
	names := make([]string, 0, len(files))
	for name := range files {
		if !strings.HasSuffix(name, naming.PrevSuffix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%d:%s%d:", len(name), name, len(files[name]))
		sum.Write(files[name])
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}
