//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// TestDeletionPoliciesKeepAndRemoveWhatTheySay checks what is left of a Postgres under each policy.
func TestDeletionPoliciesKeepAndRemoveWhatTheySay(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	for policy, left := range map[string]struct{ claims, secrets bool }{
		"Halt":    {claims: true, secrets: true},
		"Delete":  {claims: false, secrets: true},
		"WipeOut": {claims: false, secrets: false},
	} {
		t.Run(policy, func(t *testing.T) {
			n := namespace{t: t, name: n.name}
			name := strings.ToLower(policy)
			n.apply(postgres(name, "15.18", 1, "  deletionPolicy: "+policy+"\n"))
			n.ready("postgres/" + name)
			n.kubectl("delete", "postgres", name, "--timeout=120s")
			n.gone("pod/" + name + "-0")
			n.eventually("what goes is gone and what stays is there", func() string {
				claim := strings.TrimSpace(n.try("get", "pvc", "data-"+name+"-0", "--ignore-not-found", "-o", "name"))
				secret := strings.TrimSpace(n.try("get", "secret", name+"-auth", "--ignore-not-found", "-o", "name"))
				if (claim != "") != left.claims || (secret != "") != left.secrets {
					return "left are: " + claim + " " + secret
				}
				return strings.TrimSpace(n.try("get", "service,petset,pods,role,serviceaccount,appbinding", "-l", "app.kubernetes.io/instance="+name, "-o", "name"))
			})
		})
	}
	t.Run("DoNotTerminate", func(t *testing.T) {
		n := namespace{t: t, name: n.name}
		n.apply(postgres("keep", "15.18", 1, "  deletionPolicy: DoNotTerminate\n"))
		if said := n.refused("", "delete", "postgres", "keep"); !strings.Contains(said, "can't be terminated") {
			t.Errorf("kubectl delete says: %s", said)
		}
	})
}

// TestAHaltedPostgresComesBackWithItsData.
func TestAHaltedPostgresComesBackWithItsData(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "17.11", 2, ""))
	c := n.newClient("17.11")
	n.ready("postgres/pg")
	l := n.login("pg", "pg", 5432)
	c.mustSQL(l, "create table t as select 42 as i")
	n.kubectl("patch", "postgres", "pg", "--type=merge", "-p", `{"spec":{"halted":true}}`)
	n.has("postgres/pg", ".status.phase", "Halted")
	n.gone("petset/pg")
	n.gone("pod/pg-0")
	n.kubectl("patch", "postgres", "pg", "--type=merge", "-p", `{"spec":{"halted":false}}`)
	n.ready("postgres/pg")
	c.says(l, "select i from t", "42")
}

// TestInitScriptsRunOnce runs SQL and shell scripts from a ConfigMap before anyone else can connect.
func TestInitScriptsRunOnce(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: scripts}
data:
  1-table.sql: create table made(by text); insert into made values ('sql');
  2-row.sh: psql -c "insert into made values ('shell')"
`)
	n.apply(postgres("pg", "15.18", 2, "  standbyMode: Warm\n  init: {script: {configMap: {name: scripts}}}\n"))
	c := n.newClient("17.11")
	n.ready("postgres/pg")
	l := n.login("pg", "pg", 5432)
	c.says(l, "select string_agg(by, ',' order by by) from made", "shell,sql")
	n.kubectl("delete", "pod", "pg-0")
	n.eventually("pg-0 is back", func() string {
		if got := n.field("pod/pg-0", `.status.conditions[?(@.type=="Ready")].status`); got != "True" {
			return "Ready is " + got
		}
		return ""
	})
	c.says(l, "select count(*) from made", "2")
	t.Run("a warm standby replicates and lets nobody in", func(t *testing.T) {
		if out, err := c.sql(n.login("pg", "pg-1.pg-pods", 5432), "select 1"); err == nil {
			t.Errorf("it answered: %s", out)
		}
	})
}

// TestAPoolerWaitsForItsAppBindingAndTakesAnyServer: first nothing is there, then an AppBinding written by hand for a
// server that Matriarch knows nothing of.
func TestAPoolerWaitsForItsAppBindingAndTakesAnyServer(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(strings.Replace(pgpool("pool", "4.6.1", 1, ""), "name: pg}", "name: elsewhere}", 1))
	n.eventually("the Pgpool says what it waits for", func() string {
		said := n.field("pgpool/pool", `.status.conditions[?(@.type=="DatabaseDependencyReady")].message`)
		if !strings.Contains(said, "elsewhere") {
			return said
		}
		return ""
	})
	n.apply(postgres("pg", "15.18", 1, ""))
	n.ready("postgres/pg")
	n.apply(`
apiVersion: v1
kind: Secret
metadata: {name: elsewhere}
stringData: {username: postgres, password: "` + n.secret("pg-auth", "password") + `"}
---
apiVersion: appcatalog.appscode.com/v1alpha1
kind: AppBinding
metadata: {name: elsewhere}
spec:
  type: kubedb.com/postgres
  clientConfig: {url: "postgresql://pg.` + n.name + `.svc:5432/postgres?sslmode=disable"}
  secret: {name: elsewhere}
`)
	n.ready("pgpool/pool")
	n.newClient("17.11").says(n.login("pg", "pool", 9999), "select 1", "1")
}

// TestBadDatabasesAreRefusedWithAReason: what kubectl says names the field.
func TestBadDatabasesAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	for reason, manifest := range map[string]string{
		"spec.version":                      postgres("a", "1.0", 1, ""),
		"spec.storage":                      strings.ReplaceAll(postgres("a", "15.18", 1, ""), "  storage:", "  # storage:"),
		`storageClassName "none" not found`: strings.Replace(postgres("a", "15.18", 1, ""), "accessModes", "storageClassName: none, accessModes", 1),
		"must be greater than 0":            pgpool("a", "4.6.1", 0, ""),
		"must be less than 10":              pgpool("a", "4.6.1", 10, ""),
		"num_init_childs":                   pgpool("a", "4.6.1", 1, "  configuration: {inline: {pgpool.conf: \"num_init_childs = 5\"}}\n"),
		"work_memory":                       postgres("a", "15.18", 1, "  configuration: {inline: {user.conf: \"work_memory = 5MB\"}}\n"),
		"pool_mod":                          pgbouncer(n.name, "a", "1.24.1", 1, "  configuration: {inline: {pgbouncer.ini: \"[pgbouncer]\\npool_mod = session\"}}\n"),
	} {
		if said := n.refusedAtCreation(manifest); !strings.Contains(said, reason) {
			t.Errorf("want a refusal that says %q, got: %s", reason, said)
		}
	}
}
