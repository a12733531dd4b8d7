package database

import (
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TLS says what shall exist now for the certificates of an instance, and what is still to come. It is worked out anew at
// each Gather, from what the issuer made, what is published and what the members report; whoever applies it brings the
// instance one step further.
type TLS struct {
	// Certificates are the cert-manager Certificates.
	Certificates []client.Object
	// Published is the Secret that the members read, as it shall be now; nil while nothing can be published.
	Published *corev1.Secret
	// Changed tells that Published differs from what is there.
	Changed bool
	// Obsolete are objects that the present spec has no use for, in the order in which they are to go.
	Obsolete []client.Object
	// Issued tells that cert-manager has issued what Certificates ask for.
	Issued bool
	// Missing names what cannot come by itself, such as an issuer that does not exist.
	Missing string
	// Waits says what keeps the certificates from being issued or published, in cert-manager's words; empty when nothing
	// does.
	Waits string
	// Pending says, in cert-manager's words, what it is still at work on; Fault what is wrong with what it issued.
	Pending, Fault string
	// Old holds the names of the Certificates whose last issue is what is published.
	Old map[string]bool
	// Behind are the pods, of poolers too, that have not taken what is published; once TLS is to go, those of poolers that
	// still check who answers them.
	Behind []string
	// Unaware are the pods of poolers in front that serve and know no certificates of this instance yet.
	Unaware []string
	// Settled tells that what was issued is in force everywhere and nothing older is trusted any more.
	Settled bool
	// Port is where members speak TLS.
	Port int32
}

// AddTo puts the certificates among what an instance shall have. It may be called on nil.
func (t *TLS) AddTo(d *Desired) {
	if t == nil {
		return
	}
	d.TLS = t
	d.Absent = append(d.Absent, t.Obsolete...)
}
