//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// TestReadReplicasServeReadsAndPgpoolReadsFromThem: a group beside a single member, by its Services and through Pgpool, and
// its removal.
func TestReadReplicasServeReadsAndPgpoolReadsFromThem(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "17.11", 1, "  readReplicas: [{name: reports, resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 256Mi}}}]\n"))
	n.apply(pgpool("pool", "4.6.1", 1, "  configuration: {backends: [{groupName: PRIMARY, weight: 1}, {groupName: reports, weight: 1}]}\n"))
	c := n.newClient("17.11")
	n.ready("postgres/pg", "pgpool/pool")

	admin, pool := n.login("pg", "pg", 5432), n.login("pg", "pool", 9999)
	c.mustSQL(admin, "create table t as select 42 as i")
	for _, host := range []string{"pg-rr", "pg-rr-reports"} {
		replica := n.login("pg", host, 5432)
		c.says(replica, "select i from t", "42")
		if out, err := c.sql(replica, "insert into t values (1)"); err == nil || !strings.Contains(out, "read-only") {
			t.Errorf("%s took a write: %s", host, out)
		}
	}
	c.says(admin, "select string_agg(application_name, ' ') from pg_stat_replication where state = 'streaming'", "pg-reports-0")
	if role := n.field("pod/pg-reports-0", `.metadata.labels.kubedb\.com/role`); role != "read-replica" {
		t.Errorf("the pod has role %q", role)
	}
	n.eventually("Pgpool has the group as a backend", func() string {
		nodes, err := c.sql(pool, "show pool_nodes")
		if err != nil || !strings.Contains(nodes, "pg-rr-reports."+n.name+".svc") {
			return nodes
		}
		return ""
	})
	c.says(pool, "select i from t", "42")

	n.kubectl("patch", "postgres", "pg", "--type=merge", "-p", `{"spec":{"readReplicas":null}}`)
	for _, object := range []string{"petset/pg-reports", "pod/pg-reports-0", "service/pg-rr", "service/pg-rr-reports", "pvc/data-pg-reports-0"} {
		n.gone(object)
	}
	n.eventually("Pgpool says that it does without the group", func() string {
		said := n.field("pgpool/pool", `.status.conditions[?(@.type=="DatabaseDependencyReady")].message`)
		if !strings.Contains(said, "read replicas reports of Postgres "+n.name+"/pg") {
			return said
		}
		return ""
	})
	n.ready("postgres/pg", "pgpool/pool")
	c.says(pool, "select i from t", "42")
}
