package pgbouncer

import (
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

var _ database.TLSReconfigurer = Kind{}

// ReconfigureTLS returns a copy of the PgBouncer with the change made to tls, sslMode and connectionPool.authType, which
// is what a request calls clientAuthMode.
func (k Kind) ReconfigureTLS(in database.Instance, change database.TLSChange) (database.Instance, error) {
	out := in.DeepCopy()
	spec := &of(out).Spec
	next, err := change.Apply(database.Security{TLS: spec.TLS, SSLMode: spec.SSLMode})
	if err != nil {
		return nil, err
	}
	spec.TLS, spec.SSLMode = next.TLS, next.SSLMode
	if authType := kubedbv1.PgBouncerAuthType(change.ClientAuthMode); authType != "" {
		if spec.ConnectionPool == nil {
			spec.ConnectionPool = &kubedbv1.ConnectionPool{}
		}
		spec.ConnectionPool.AuthType = authType
	}
	checked := out.DeepCopy()
	k.Default(checked)
	if problems := unsupported(of(checked)); len(problems) > 0 {
		return nil, problems.ToAggregate()
	}
	return out, nil
}
