//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestTheStackServesSQL is the way of a user through everything: three members, both poolers, users, a new password.
func TestTheStackServesSQL(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "17.11", 3, "  replication: {walLimitPolicy: ReplicationSlot, maxSlotWALKeepSize: 64}\n"))
	n.apply(pgpool("pool", "4.6.1", 2, "  syncUsers: true\n"))
	n.apply(pgbouncer(n.name, "bouncer", "1.24.1", 2, "  connectionPool: {poolMode: transaction}\n"))
	c := n.newClient("17.11")
	n.ready("postgres/pg", "pgpool/pool", "pgbouncer/bouncer")

	admin := n.login("pg", "pg", 5432)
	c.mustSQL(admin, "create table t(i int); insert into t values (42)")
	for _, host := range []struct {
		name string
		port int
	}{{"pool", 9999}, {"bouncer", 5432}} {
		c.says(n.login("pg", host.name, host.port), "select i from t", "42")
	}
	t.Run("standbys replicate and refuse writes", func(t *testing.T) {
		standby := n.login("pg", "pg-standby", 5432)
		c.says(standby, "select i from t", "42")
		if out, err := c.sql(standby, "insert into t values (1)"); err == nil || !strings.Contains(out, "read-only") {
			t.Errorf("a standby took a write: %s", out)
		}
		c.says(admin, "select count(*) from pg_stat_replication where state = 'streaming'", "2")
		if roles := n.kubectl("get", "pods", "-l", "kubedb.com/role=primary", "-o", "name"); strings.TrimSpace(roles) != "pod/pg-0" {
			t.Errorf("primaries: %q", roles)
		}
	})
	t.Run("the primary keeps a slot for each standby as long as that is the policy", func(t *testing.T) {
		before := n.podUIDs()
		const slots = "select coalesce(string_agg(slot_name, ' ' order by slot_name), '') from pg_replication_slots"
		c.says(admin, slots+" where active", "matriarch_pg_1 matriarch_pg_2")
		n.kubectl("patch", "postgres", "pg", "--type=merge", "-p", `{"spec":{"replication":{"walLimitPolicy":"WALKeepSize"}}}`)
		c.says(admin, slots, "")
		c.says(admin, "select count(*) from pg_stat_replication where state = 'streaming'", "2")
		if after := n.podUIDs(); after != before {
			t.Errorf("pods were replaced:\n%s\n%s", before, after)
		}
	})
	t.Run("users of labelled Secrets log in through both poolers", func(t *testing.T) { syncedUsers(c, admin) })
	t.Run("a changed password reaches the poolers without a restart", func(t *testing.T) { changedPassword(c) })
	t.Run("agents may read and change only what is theirs", func(t *testing.T) { leastPrivilege(t, n) })
	t.Run("the consoles answer", func(t *testing.T) {
		console := login{host: "bouncer", port: 5432, database: "pgbouncer", user: "pgbouncer", password: n.secret("bouncer-auth", "password")}
		if pools := c.mustSQL(console, "show pools"); !strings.Contains(pools, "postgres") {
			t.Errorf("show pools: %s", pools)
		}
	})
}

func syncedUsers(c client, admin login) {
	c.t.Helper()
	c.mustSQL(admin, "create role john login password 'first1234'")
	c.apply(`
apiVersion: v1
kind: Secret
type: kubernetes.io/basic-auth
metadata:
  name: john
  labels: {app.kubernetes.io/name: postgreses.kubedb.com, app.kubernetes.io/instance: pg}
stringData: {username: john, password: first1234}
`)
	through := func(host string, port int) login {
		return login{host: host, port: port, user: "john", password: "first1234", database: "postgres"}
	}
	c.says(through("pool", 9999), "select current_user", "john")
	c.says(through("bouncer", 5432), "select current_user", "john")
	c.kubectl("delete", "secret", "john")
	c.eventually("john is refused by PgBouncer", func() string {
		if out, err := c.sql(through("bouncer", 5432), "select 1"); err == nil {
			return "he still gets in: " + out
		}
		return ""
	})
}

func changedPassword(c client) {
	c.t.Helper()
	before := c.podUIDs()
	c.kubectl("patch", "secret", "pg-auth", "--type=merge", "-p", `{"stringData":{"password":"Changed123456"}}`)
	for _, host := range []string{"pg:5432", "pool:9999", "bouncer:5432"} {
		var l login
		name, port, _ := strings.Cut(host, ":")
		_, _ = fmt.Sscan(port, &l.port)
		l.host, l.user, l.password, l.database = name, "postgres", "Changed123456", "postgres"
		c.says(l, "select 1", "1")
	}
	if after := c.podUIDs(); after != before {
		c.t.Errorf("pods were replaced:\n%s\n%s", before, after)
	}
	c.ready("postgres/pg", "pgpool/pool", "pgbouncer/bouncer")
}

// podUIDs names the pods of the databases, with their UIDs and how often a container was restarted.
func (n namespace) podUIDs() string {
	return n.kubectl("get", "pods", "-l", "app.kubernetes.io/managed-by=kubedb.com", "--sort-by=.metadata.name", "-o",
		`jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[*].restartCount}{"\n"}{end}`)
}

func leastPrivilege(t *testing.T, n namespace) {
	may := func(verb, resource string) bool {
		out := n.try("auth", "can-i", verb, resource, "--as=system:serviceaccount:"+n.name+":pool")
		return strings.TrimSpace(out) == "yes"
	}
	if !may("get", "secret/pool-auth") {
		t.Error("the agent may not read its own Secret")
	}
	for _, forbidden := range []string{"secret/pg-auth", "secrets", "secret/bouncer-auth", "pod/pg-0", "pods", "lease/pg-leader"} {
		if may("get", forbidden) || may("patch", forbidden) || may("delete", forbidden) {
			t.Errorf("the agent of the Pgpool may reach %s", forbidden)
		}
	}
}
