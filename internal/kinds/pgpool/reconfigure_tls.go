package pgpool

import (
	"github.com/matriarchdb/matriarch/internal/database"
)

var _ database.TLSReconfigurer = Kind{}

// ReconfigureTLS returns a copy of the Pgpool with the change made to tls, sslMode and clientAuthMode.
func (k Kind) ReconfigureTLS(in database.Instance, change database.TLSChange) (database.Instance, error) {
	out := in.DeepCopy()
	spec := &of(out).Spec
	next, err := change.Apply(database.Security{TLS: spec.TLS, SSLMode: spec.SSLMode, ClientAuthMode: spec.ClientAuthMode})
	if err != nil {
		return nil, err
	}
	spec.TLS, spec.SSLMode, spec.ClientAuthMode = next.TLS, next.SSLMode, next.ClientAuthMode
	checked := out.DeepCopy()
	k.Default(checked)
	if problems := unsupported(of(checked)); len(problems) > 0 {
		return nil, problems.ToAggregate()
	}
	return out, nil
}
