package database

import (
	"context"
	"errors"
	"slices"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// TLSReconfigurer is a kind whose certificates can be changed while it runs. All of it is pure.
type TLSReconfigurer interface {
	// ReconfigureTLS returns a copy of the instance with the change made to its spec.
	ReconfigureTLS(in Instance, change TLSChange) (Instance, error)
}

// AsTLSReconfigurer returns the capability if the kind has it.
func AsTLSReconfigurer(k Kind) (TLSReconfigurer, bool) {
	r, ok := k.(TLSReconfigurer)
	return r, ok
}

// PlainSessionCounter is a kind that can tell how many clients are connected without TLS.
type PlainSessionCounter interface {
	// PlainSessions connects to the server.
	PlainSessions(ctx context.Context, g Gathered) (int, error)
}

// TLSDemander is a kind that can tell whether an instance refuses clients without TLS.
type TLSDemander interface {
	DemandsTLS(in Instance) bool
}

// TLSChange is the tls section of an operation request.
type TLSChange struct {
	// Config holds what is to change of spec.tls.
	Config sharedv1.TLSConfig
	// SSLMode and ClientAuthMode stay as they are if empty.
	SSLMode        sharedv1.SSLMode
	ClientAuthMode sharedv1.ClientAuthMode
	// Rotate has every certificate issued anew, Remove turns TLS off.
	Rotate, Remove bool
}

// TLSChangeOf reads the tls section of a request, false if it has none.
func TLSChangeOf(request opsv1alpha1.OpsRequest) (TLSChange, bool) {
	r, ok := request.(opsv1alpha1.ReconfigureTLSRequest)
	if !ok {
		return TLSChange{}, false
	}
	section, auth := r.TLSReconfiguration()
	if section == nil {
		return TLSChange{}, false
	}
	return TLSChange{
		Config: section.TLSConfig, SSLMode: section.SSLMode, ClientAuthMode: auth,
		Rotate: section.RotateCertificates, Remove: section.Remove,
	}, true
}

// Security is the part of a spec that a TLSChange changes.
type Security struct {
	TLS            *sharedv1.TLSConfig
	SSLMode        sharedv1.SSLMode
	ClientAuthMode sharedv1.ClientAuthMode
}

// Apply makes the change. It refuses what contradicts itself, and what says nothing.
func (c TLSChange) Apply(now Security) (Security, error) {
	changes := c.Config.IssuerRef != nil || len(c.Config.Certificates) > 0
	switch {
	case c.Remove && (c.Rotate || changes || c.SSLMode != "" && c.SSLMode != sharedv1.SSLModeDisable):
		return now, errors.New("spec.tls.remove turns TLS off and cannot go together with rotateCertificates, issuerRef, certificates or another sslMode; ask for one of them")
	case c.Remove && now.TLS == nil:
		return now, errors.New("spec.tls.remove: the database has no TLS")
	case c.Remove && c.ClientAuthMode == sharedv1.ClientAuthModeCert:
		return now, errors.New("spec.tls.remove: without TLS clients cannot log in with certificates; use clientAuthMode md5 or scram")
	case c.Remove:
		return c.removed(now), nil
	case !changes && !c.Rotate && c.SSLMode == "" && c.ClientAuthMode == "":
		return now, errors.New("spec.tls says nothing to do; set issuerRef, certificates, sslMode, clientAuthMode, rotateCertificates or remove")
	case now.TLS == nil && c.Config.IssuerRef == nil:
		return now, errors.New("the database has no TLS; spec.tls.issuerRef is needed to add it")
	}
	next := Security{TLS: &sharedv1.TLSConfig{}, SSLMode: now.SSLMode, ClientAuthMode: now.ClientAuthMode}
	if now.TLS != nil {
		next.TLS = now.TLS.DeepCopy()
	} else if next.SSLMode == sharedv1.SSLModeDisable {
		next.SSLMode = "" // the default of a database with TLS
	}
	if c.Config.IssuerRef != nil {
		next.TLS.IssuerRef = c.Config.IssuerRef.DeepCopy()
	}
	for _, wish := range c.Config.Certificates {
		same := func(have sharedv1.CertificateSpec) bool { return have.Alias == wish.Alias }
		if at := slices.IndexFunc(next.TLS.Certificates, same); at >= 0 {
			next.TLS.Certificates[at] = *wish.DeepCopy()
		} else {
			next.TLS.Certificates = append(next.TLS.Certificates, *wish.DeepCopy())
		}
	}
	if c.SSLMode != "" {
		next.SSLMode = c.SSLMode
	}
	if c.ClientAuthMode != "" {
		next.ClientAuthMode = c.ClientAuthMode
	}
	return next, nil
}

// removed is a spec without TLS. Who logged in with certificates falls back to passwords, as the version has it.
func (c TLSChange) removed(now Security) Security {
	next := Security{SSLMode: sharedv1.SSLModeDisable, ClientAuthMode: now.ClientAuthMode}
	if next.ClientAuthMode == sharedv1.ClientAuthModeCert {
		next.ClientAuthMode = ""
	}
	if c.ClientAuthMode != "" {
		next.ClientAuthMode = c.ClientAuthMode
	}
	return next
}
