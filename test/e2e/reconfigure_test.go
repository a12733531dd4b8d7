//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// members returns logins to each member of the Postgres itself, past the Services.
func (n namespace) members(postgres string, count int) []login {
	n.t.Helper()
	var each []login
	for i := range count {
		each = append(each, n.login(postgres, fmt.Sprintf("%s-%d.%s-pods", postgres, i, postgres), 5432))
	}
	return each
}

// TestAPostgresIsReconfiguredWhileSQLRuns goes through reload and restart of three members. After each, every member is
// asked through SQL.
func TestAPostgresIsReconfiguredWhileSQLRuns(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "17.11", 3, ""))
	c := n.newClient("17.11")
	n.ready("postgres/pg")
	all, primary := n.members("pg", 3), n.login("pg", "pg", 5432)
	show := func(parameter, value string) {
		t.Helper()
		for _, one := range all {
			c.says(one, "show "+parameter, value)
		}
		c.says(primary, "select count(*) from pg_stat_replication where state = 'streaming'", "2")
	}
	ask := func(name, settings, more string) string {
		n.apply(opsRequest("Postgres", name, "Reconfigure", "pg", applyConf("user.conf", settings, more)))
		return "postgresopsrequest/" + name
	}
	restarted := func(request, order string) {
		t.Helper()
		if got := n.field(request, ".status.disruption.podsRestarted"); got != "3" {
			t.Errorf("%s restarted %q pods", request, got)
		}
		if got := n.field(request, ".status.journal.targets[*].name"); got != order {
			t.Errorf("%s restarted %q, want %q", request, got, order)
		}
	}
	c.mustSQL(primary, "create table keep as select generate_series(1, 1000) as i")

	t.Run("a reload restarts nothing and cuts no session", func(t *testing.T) {
		before, load := n.podUIDs(), c.load(primary)
		n.succeeds(ask("reload", "work_mem = 7MB", ""))
		load.unharmed()
		if after := n.podUIDs(); after != before {
			t.Errorf("pods were replaced:\n%s\n%s", before, after)
		}
		show("work_mem", "7MB")
	})
	t.Run("more connections: standbys first", func(t *testing.T) {
		request := ask("more", "max_connections = 130", "")
		n.succeeds(request)
		restarted(request, "pg-1 pg-2 pg-0")
		show("max_connections", "130")
	})
	t.Run("fewer connections, forbidden to restart: pending, and said so", func(t *testing.T) {
		before := n.podUIDs()
		request := ask("pending", "max_connections = 90", "    restart: \"false\"\n")
		n.succeeds(request)
		if n.podUIDs() != before {
			t.Error("pods were replaced")
		}
		said := n.field(request, `.status.conditions[?(@.type=="RestartPending")].message`)
		if !strings.Contains(said, "max_connections") || !strings.Contains(said, "pg-0, pg-1, pg-2") {
			t.Errorf("the request says %q", said)
		}
		n.has("postgres/pg", `.status.conditions[?(@.type=="ConfigurationApplied")].reason`, "RestartPending")
		c.says(primary, "show max_connections", "130")
	})
	t.Run("a Restart takes it into force, the primary first", func(t *testing.T) {
		n.apply(opsRequest("Postgres", "restart", "Restart", "pg", "  restart: {}\n"))
		n.succeeds("postgresopsrequest/restart")
		restarted("postgresopsrequest/restart", "pg-0 pg-1 pg-2")
		show("max_connections", "90")
		n.has("postgres/pg", `.status.conditions[?(@.type=="ConfigurationApplied")].reason`, "ConfigurationInForce")
	})
	t.Run("what cannot be is refused by name and harms nothing", func(t *testing.T) {
		before := n.podUIDs()
		for settings, want := range map[string]string{
			"port = 5433": "port", "data_directory = '/x'": "data_directory", "hba_file = '/x'": "hba_file",
			"shared_buffers = 4GB": "shared_buffers", "work_mem = 1MB\nwork_mem = 2MB": "is set twice",
		} {
			bad := opsRequest("Postgres", "bad", "Reconfigure", "pg", applyConf("user.conf", settings, ""))
			if said := n.refused(bad, "create", "-f", "-"); !strings.Contains(said, want) {
				t.Errorf("%s: %s", settings, said)
			}
		}
		if n.podUIDs() != before {
			t.Error("pods were replaced")
		}
		show("work_mem", "7MB")
	})
	c.says(primary, "select count(*) from keep", "1000")
	n.ready("postgres/pg")
}

// TestAPgBouncerIsReconfiguredWhileSQLRuns goes through reload, restart and the way back.
func TestAPgBouncerIsReconfiguredWhileSQLRuns(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "15.18", 1, ""))
	n.apply(pgbouncer(n.name, "bouncer", "1.24.1", 2, ""))
	c := n.newClient("17.11")
	n.ready("postgres/pg", "pgbouncer/bouncer")
	l := n.login("pg", "bouncer", 5432)
	console := login{host: "bouncer", port: 5432, database: "pgbouncer", user: "pgbouncer", password: n.secret("bouncer-auth", "password")}
	shows := func(parameter, value string) {
		t.Helper()
		c.eventually(parameter+" is "+value, func() string {
			out, err := c.sql(console, "show config")
			if err != nil || !strings.Contains("\n"+out, "\n"+parameter+"|"+value+"|") {
				return out
			}
			return ""
		})
	}
	ask := func(name, section string) string {
		n.apply(opsRequest("PgBouncer", name, "Reconfigure", "bouncer", section))
		return "pgbounceropsrequest/" + name
	}

	t.Run("a reload restarts nothing and cuts no session", func(t *testing.T) {
		before, load := n.podUIDs(), c.load(l)
		n.succeeds(ask("reload", applyConf("pgbouncer.ini", "[pgbouncer]\ndefault_pool_size = 7", "")))
		load.unharmed()
		if after := n.podUIDs(); after != before {
			t.Errorf("pods were replaced:\n%s\n%s", before, after)
		}
		shows("default_pool_size", "7")
	})
	t.Run("a restart-only parameter restarts each pod once and no new connection fails", func(t *testing.T) {
		load := c.load(l)
		request := ask("restart-only", applyConf("pgbouncer.ini", "listen_backlog = 77", ""))
		n.succeeds(request)
		load.connects()
		if got := n.field(request, ".status.disruption.podsRestarted"); got != "2" {
			t.Errorf("status.disruption.podsRestarted is %q", got)
		}
		shows("listen_backlog", "77")
		shows("default_pool_size", "7") // merged, not replaced
	})
	t.Run("a Restart replaces each pod once and no new connection fails", func(t *testing.T) {
		load := c.load(l)
		n.apply(opsRequest("PgBouncer", "restart", "Restart", "bouncer", "  restart: {}\n"))
		n.succeeds("pgbounceropsrequest/restart")
		load.connects()
		if got := n.field("pgbounceropsrequest/restart", ".status.disruption.podsRestarted"); got != "2" {
			t.Errorf("status.disruption.podsRestarted is %q", got)
		}
	})
	t.Run("what cannot be is refused by name", func(t *testing.T) {
		for settings, want := range map[string]string{"listen_port = 1": "listen_port", "max_client_con = 5": "did you mean max_client_conn"} {
			bad := opsRequest("PgBouncer", "bad", "Reconfigure", "bouncer", applyConf("pgbouncer.ini", settings, ""))
			if said := n.refused(bad, "create", "-f", "-"); !strings.Contains(said, want) {
				t.Errorf("%s: %s", settings, said)
			}
		}
		c.says(l, "select 1", "1")
	})
	n.ready("pgbouncer/bouncer")
}
