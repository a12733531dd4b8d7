//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// TestEveryVersionServes runs each server version of the local catalog once.
func TestEveryVersionServes(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "15.18", 1, ""))
	c := n.newClient("17.11")
	n.ready("postgres/pg")
	for _, version := range []string{"13.16", "15.20", "18.6"} {
		name := "pg-" + strings.ReplaceAll(version, ".", "-")
		t.Run("PostgreSQL "+version, func(t *testing.T) {
			n.apply(postgres(name, version, 2, "  deletionPolicy: WipeOut\n"))
			n.ready("postgres/" + name)
			l := n.login(name, name, 5432)
			if got := c.mustSQL(l, "show server_version"); !strings.HasPrefix(got, version) {
				t.Errorf("server_version is %s", got)
			}
			c.says(l, "select count(*) from pg_stat_replication where state = 'streaming'", "1")
			n.kubectl("delete", "postgres", name)
		})
	}
	for _, version := range []string{"4.1.4", "4.3.5", "4.7.3"} {
		name := "pool-" + strings.ReplaceAll(version, ".", "-")
		t.Run("Pgpool "+version, func(t *testing.T) {
			n.apply(pgpool(name, version, 1, "  clientAuthMode: scram\n"))
			n.ready("pgpool/" + name)
			if got := c.mustSQL(n.login("pg", name, 9999), "show pool_version"); !strings.HasPrefix(got, version) {
				t.Errorf("pool_version is %s", got)
			}
			n.kubectl("delete", "pgpool", name)
		})
	}
	for _, version := range []string{"1.15.0", "1.18.0", "1.26.1"} {
		name := "bouncer-" + strings.ReplaceAll(version, ".", "-")
		t.Run("PgBouncer "+version, func(t *testing.T) {
			n.apply(pgbouncer(n.name, name, version, 1, "  connectionPool: {authType: scram-sha-256}\n"))
			n.ready("pgbouncer/" + name)
			c.says(n.login("pg", name, 5432), "select 1", "1")
			n.kubectl("delete", "pgbouncer", name)
		})
	}
}
