package pgbouncer

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
)

// writeCheckTable is KubeDB's, so that a changed operator leaves no second one behind.
const writeCheckTable = "kubedb_write_check_pgbouncer"

// Members lists the pods; all are equal.
func (Kind) Members(pods []corev1.Pod) []database.Member { return database.MembersOf(pods, nil) }

// Probe logs in through the Service as the server's administrator, and looks whether PostgreSQL still stores the same
// verifiers: ALTER ROLE tells nobody.
func (Kind) Probe(ctx context.Context, from database.Gathered) database.Health {
	g := from.(gathered)
	health := g.Facts.Probe(ctx, g.bouncer.Spec.Database.DatabaseName, writeCheckTable)
	health.Fingerprint = backend.Fingerprint(g.secrets)
	if now, err := secretsOf(ctx, g.Server, g.Users); err == nil {
		health.Fingerprint = backend.Fingerprint(now)
	}
	return health
}
