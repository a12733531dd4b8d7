package agent_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// newReplica is a cluster that follows the first member of another one as the role copier.
func newReplica(t *testing.T, size int, port string) *cluster {
	t.Helper()
	need(t, "pg_ctl")
	c := newCluster(t, size, naming.EnvSourceSecret+"=source")
	c.secret("source", map[string]string{"name": "far/away", "host": "127.0.0.1", "port": port, "username": "copier", "password": "copy"})
	return c
}

func TestAReplicaFollowsItsSourceAndIsPromotedWhenTheReferenceIsGone(t *testing.T) {
	t.Parallel()
	source := newCluster(t, 1).started().members[0]
	source.exec("CREATE ROLE copier LOGIN REPLICATION PASSWORD 'copy'")
	source.exec("ALTER SYSTEM SET work_mem = '77MB'")
	source.exec("CREATE TABLE t AS SELECT 1 AS a")
	c := newReplica(t, 2, source.port).started()
	first, second := c.members[0], c.members[1]

	source.exec("INSERT INTO t VALUES (2)")
	for _, p := range c.members {
		p.answers("SELECT count(*)::text FROM t", "2")
		p.answers("SELECT pg_is_in_recovery()::text", "true")
		p.role(naming.RoleStandby)
	}
	source.answers("SELECT string_agg(application_name || ' ' || usename, ',') FROM pg_stat_replication", "db-0 copier")
	first.answers("SELECT string_agg(application_name || ' ' || usename, ',') FROM pg_stat_replication", "db-1 admin")
	first.answers("SHOW work_mem", "4MB")
	first.reports("names the source", func(r report.Report) bool { return r.Source == "far/away" && r.Problem == "" })
	following := c.lease()
	source.answers("SELECT system_identifier::text FROM pg_control_system()", lease.SystemID(following))
	if lease.HolderPod(following) != "db-0" || lease.Source(following) != "far/away" {
		t.Errorf("the Lease is held by %q and follows %q", lease.HolderPod(following), lease.Source(following))
	}

	source.terminate()
	source.exited()
	first.terminate() // a restart alone changes nothing
	first.exited()
	first.start()
	first.isReady(true)
	first.answers("SELECT pg_is_in_recovery()::text", "true")

	first.terminate()
	first.exited()
	first.env = slices.DeleteFunc(first.env, func(e string) bool { return strings.HasPrefix(e, naming.EnvSourceSecret+"=") })
	first.start()
	first.role(naming.RolePrimary)
	first.answers("SELECT pg_is_in_recovery()::text", "false")
	first.answers("SELECT timeline_id::text FROM pg_control_checkpoint()", "2")
	first.exec("INSERT INTO t VALUES (3)")
	second.answers("SELECT count(*)::text FROM t", "3")
	first.reports("names no source", func(r report.Report) bool { return r.Source == "" })
	left := c.lease()
	if lease.Source(left) != "" || lease.SystemID(left) != lease.SystemID(following) || lease.Term(left) <= lease.Term(following) {
		t.Errorf("after the promotion the Lease has %v, before %v", left.Annotations, following.Annotations)
	}
}

func TestAReplicaSaysThatItsSourceCannotBeReachedAndWaits(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	c := newReplica(t, 1, port)
	p := c.members[0].start()
	p.reports("names the source", func(r report.Report) bool {
		return strings.Contains(r.Problem, "copy the source far/away") && strings.Contains(r.Problem, "127.0.0.1:"+port)
	})
	p.isReady(false)
	source := newCluster(t, 1).started().members[0]
	source.exec("CREATE ROLE copier LOGIN REPLICATION PASSWORD 'copy'")
	c.secret("source", map[string]string{"name": "far/away", "host": "127.0.0.1", "port": source.port, "username": "copier", "password": "copy"})
	p.isReady(true)
	p.reports("is fine", func(r report.Report) bool { return r.Problem == "" })
}

// TestAReplicaIsAdministeredByWhoCanOnlyReplicate: the source's administrator may be nobody's business here. What only a
// superuser is told is then taken from the catalog.
func TestAReplicaIsAdministeredByWhoCanOnlyReplicate(t *testing.T) {
	t.Parallel()
	source := newCluster(t, 1).started().members[0]
	source.exec("CREATE ROLE copier LOGIN REPLICATION PASSWORD 'copy'")
	c := newReplica(t, 1, source.port)
	c.secret("auth", map[string]string{"username": "copier", "password": "copy"})
	p := c.started().members[0]
	hash := p.configure(map[string]string{"work_mem": "5MB", "max_connections": "25"})
	r := p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
	if !slices.Equal(r.PendingRestart, []string{"max_connections"}) {
		t.Errorf("pending: %v, want max_connections", r.PendingRestart)
	}
	p.isReady(true)
}
