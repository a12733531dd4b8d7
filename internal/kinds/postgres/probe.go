package postgres

import (
	"context"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/probe"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
)

const (
	// probeDatabase exists in every cluster that initdb made.
	probeDatabase = "postgres"
	// writeCheckTable is KubeDB's, so that a changed operator leaves no second one behind.
	writeCheckTable = "kubedb_write_check"
)

// Probe logs in through the clients' Service as the administrator. Of a replica nobody expects that it takes a write.
func (Kind) Probe(ctx context.Context, from database.Gathered) database.Health {
	g := from.(gathered)
	target := g.target()
	if g.spec.Health.DisableWriteCheck || g.follows() {
		target.Table = ""
	}
	return probe.Check(ctx, target)
}

// target is the clients' Service, reached as the spec tells clients to.
func (g gathered) target() probe.Target {
	target := probe.Target{
		Host: g.pg.Name + "." + g.pg.Namespace + ".svc", Port: naming.PostgresPort,
		User:     string(g.live.Auth.Data[naming.AuthUsername]),
		Password: string(g.live.Auth.Data[naming.AuthPassword]),
		Database: probeDatabase, Timeout: g.spec.Health.Timeout, Table: writeCheckTable,
	}
	if published := g.certs.Published(); speaksTLS(g.pg.Spec.SSLMode) && !published.Empty() {
		target.SSLMode, target.CA = string(g.pg.Spec.SSLMode), published.CA
		target.Client = published.Pairs[tls.Client]
	}
	return target
}
