package agent_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestAReadReplicaStreamsAndIsNeverPrimaryNorCalledAStandby(t *testing.T) {
	t.Parallel()
	// Its ordinal is the primary's, and it starts first.
	c := emptyCluster(t, 2, "db-reports-0")
	c.add("db-0")
	c.add("db-1")
	c.add("db-reports-0", naming.EnvReadReplica+"=reports", naming.EnvSettings+"=hot_standby = on\nshared_buffers = 8MB\n")
	primary, standby, replica := c.members[0], c.members[1], c.members[2]
	warm := map[string]string{"hot_standby": "off"} // standbys answer nobody; a read replica always does
	for _, p := range c.members {
		p.configure(warm)
	}
	replica.start()
	replica.reports("waits for the cluster", func(r report.Report) bool { return strings.Contains(r.Problem, "has not initialised the cluster") })
	primary.start()
	standby.start()
	c.ready()

	primary.exec("CREATE TABLE t AS SELECT 42 AS answer")
	replica.answers("SELECT answer::text FROM t", "42")
	replica.answers("SELECT pg_is_in_recovery()::text", "true")
	replica.answers("SHOW shared_buffers", "8MB")
	replica.role(naming.RoleReadReplica)
	standby.role(naming.RoleStandby)
	primary.answers("SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM pg_stat_replication WHERE state = 'streaming'", "db-1 db-reports-0")

	// A change is taken like any member's. What it has of its own neither waits for a restart nor is taken back.
	hash := replica.configure(map[string]string{"hot_standby": "off", "work_mem": "5MB", "shared_buffers": "24MB", "max_connections": "30"})
	r := replica.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
	if !slices.Equal(r.PendingRestart, []string{"max_connections"}) {
		t.Errorf("pending: %v, want max_connections", r.PendingRestart)
	}
	replica.answers("SHOW work_mem", "5MB")

	// The primary ends and gives the Lease back: nobody but a member takes it.
	primary.terminate()
	primary.exited()
	replica.terminate()
	replica.exited()
	replica.start()
	replica.isReady(true)
	replica.answers("SELECT pg_is_in_recovery()::text", "true")
	if holder := lease.HolderPod(c.lease()); holder == replica.name {
		t.Error("the read replica took the Lease")
	}
	replica.role(naming.RoleReadReplica)
}
