package pgpool

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/database"
)

// writeCheckTable is KubeDB's, so that a changed operator leaves no second one behind.
const writeCheckTable = "kubedb_write_check_pgpool"

// Members lists the pods; all are equal.
func (Kind) Members(pods []corev1.Pod) []database.Member { return database.MembersOf(pods, nil) }

// Probe logs in through the Service as the server's administrator.
func (Kind) Probe(ctx context.Context, from database.Gathered) database.Health {
	return from.(gathered).Facts.Probe(ctx, probeDatabase, writeCheckTable)
}
