package postgres

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/hba"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/probe"
	"github.com/matriarchdb/matriarch/internal/database/rules"
)

var (
	_ database.TLSReconfigurer     = Kind{}
	_ database.PlainSessionCounter = Kind{}
	_ database.TLSDemander         = Kind{}
)

// ReconfigureTLS returns a copy of the Postgres with the change made to tls, sslMode and clientAuthMode.
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
	security := rules.Security{TLS: spec.TLS, SSLMode: of(checked).Spec.SSLMode, ClientAuthMode: spec.ClientAuthMode}
	if problems := rules.TLS(field.NewPath("spec"), security); len(problems) > 0 {
		return nil, problems.ToAggregate()
	}
	return out, nil
}

// plainSessions are the clients that are connected without TLS; the one that asks is none of them.
const plainSessions = `SELECT count(*) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)
	WHERE NOT s.ssl AND a.client_addr IS NOT NULL AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
	AND a.application_name <> 'matriarch'`

// PlainSessions counts the clients that are connected to the primary without TLS.
func (Kind) PlainSessions(ctx context.Context, from database.Gathered) (int, error) {
	g := from.(gathered)
	target := g.target()
	ctx, cancel := context.WithTimeout(ctx, target.Timeout)
	defer cancel()
	conn, err := probe.Connect(ctx, target)
	if err != nil {
		return 0, err
	}
	defer probe.Close(conn)
	var n int
	if err := conn.QueryRow(ctx, plainSessions).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the sessions without TLS: %w", err)
	}
	return n, nil
}

// DemandsTLS tells whether pg_hba.conf lets in nobody without TLS.
func (k Kind) DemandsTLS(in database.Instance) bool {
	in = in.DeepCopy()
	k.Default(in)
	spec := of(in).Spec
	method := ""
	if spec.ClientAuthMode == sharedv1.ClientAuthModeCert {
		method = methodCert
	}
	doors := doors(spec.SSLMode, method)
	return len(doors) == 1 && doors[0] == hba.HostSSL
}
