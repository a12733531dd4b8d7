//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// updateRequest asks for another version.
func updateRequest(kind, name, database, version string) string {
	return fmt.Sprintf(`
apiVersion: ops.kubedb.com/v1alpha1
kind: %sOpsRequest
metadata: {name: %s}
spec:
  type: UpdateVersion
  databaseRef: {name: %s}
  timeout: 2m
  updateVersion: {targetVersion: %q}
`, kind, name, database, version)
}

// TestVersionsAreUpdatedWhileSQLRuns moves each kind to another version and asks the running server which it is.
func TestVersionsAreUpdatedWhileSQLRuns(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "15.18", 1, ""))
	n.apply(pgpool("pool", "4.3.5", 2, ""))
	n.apply(pgbouncer(n.name, "bouncer", "1.18.0", 2, ""))
	c := n.newClient("17.11")
	n.ready("postgres/pg", "pgpool/pool", "pgbouncer/bouncer")
	n.has("pdb/pool", ".status.disruptionsAllowed", "1")
	n.has("pdb/bouncer", ".status.disruptionsAllowed", "1")
	pool, bouncer := n.login("pg", "pool", 9999), n.login("pg", "bouncer", 5432)

	t.Run("what the catalog does not allow is refused with what it does", func(t *testing.T) {
		for version, want := range map[string]string{
			"4.1.4": "is older", "4.3.5": "has this version already", "9.9": "allowed are",
		} {
			if said := n.refusedAtCreation(updateRequest("Pgpool", "refused", "pool", version)); !strings.Contains(said, want) || !strings.Contains(said, "4.6.1") {
				t.Errorf("%s: %s", version, said)
			}
		}
		if said := n.refusedAtCreation(updateRequest("Postgres", "refused", "pg", "17.11")); !strings.Contains(said, "15.20") {
			t.Errorf("a major version: %s", said)
		}
	})
	t.Run("a version without an image reaches no pod", func(t *testing.T) { versionWithoutImage(t, n) })
	t.Run("a Pgpool", func(t *testing.T) { updatedUnderLoad(t, n, c.load(pool), "Pgpool", "pool", "4.6.1") })
	if said := c.mustSQL(pool, "show pool_version"); !strings.HasPrefix(said, "4.6.1") {
		t.Errorf("the Pgpool says that it is %s", said)
	}
	t.Run("a PgBouncer", func(t *testing.T) { updatedUnderLoad(t, n, c.load(bouncer), "PgBouncer", "bouncer", "1.24.1") })
	t.Run("a Postgres", func(t *testing.T) {
		c.mustSQL(bouncer, "create table kept as select generate_series(1,1000) n")
		n.apply(updateRequest("Postgres", "pg", "pg", "15.20"))
		n.succeeds("postgresopsrequest/pg")
		n.ready("postgres/pg", "pgpool/pool", "pgbouncer/bouncer")
		c.says(bouncer, "select count(*), split_part(current_setting('server_version'), ' ', 1) from kept", "1000|15.20")
		n.has("postgres/pg", ".spec.version", "15.20")
	})
	if left := n.try("get", "pods,secrets", "-l", "matriarch.dev/trial-of", "-o", "name"); strings.TrimSpace(left) != "" {
		t.Errorf("left behind: %s", left)
	}
}

// updatedUnderLoad updates a pooler of two pods while a client opens one connection after the other.
func updatedUnderLoad(t *testing.T, n namespace, load load, kind, name, version string) {
	t.Helper()
	request := strings.ToLower(kind) + "opsrequest/" + name
	n.apply(updateRequest(kind, name, name, version))
	n.finished(request)
	counted := load.connects()
	n.succeeds(request)
	t.Logf("%s: %s; %s", kind, counted, n.field(request, ".status.disruption"))
	n.has(strings.ToLower(kind)+"/"+name, ".spec.version", version)
	if got := n.field(request, ".status.disruption.podsRestarted"); got != "2" {
		t.Errorf("podsRestarted is %q", got)
	}
	for _, measured := range []string{"longestOutage", "probeFailures", "sessionsCut"} {
		if n.field(request, ".status.disruption."+measured) == "" {
			t.Errorf("%s was not measured", measured)
		}
	}
	n.ready(strings.ToLower(kind) + "/" + name)
}

// versionWithoutImage asks for a version whose image does not exist.
func versionWithoutImage(t *testing.T, n namespace) {
	t.Helper()
	user := n.kubectl("get", "pgpoolversion", "4.6.1", "-o", "jsonpath={.spec.securityContext.runAsUser}")
	name := n.name + "-none"
	n.applyAs("", `
apiVersion: catalog.kubedb.com/v1alpha1
kind: PgpoolVersion
metadata: {name: `+name+`}
spec:
  version: 4.6.1
  pgpool: {image: "matriarch.local/pgpool:none"}
  exporter: {image: "matriarch.local/pgpool:none"}
  securityContext: {runAsUser: `+user+`}
`)
	t.Cleanup(func() { n.tryAs("", "delete", "pgpoolversion", name) })
	before := n.podUIDs()
	n.apply(updateRequest("Pgpool", "none", "pool", name))
	if said := n.fails("pgpoolopsrequest/none"); !strings.Contains(said, "matriarch.local/pgpool:none") {
		t.Errorf("the failure does not name the image: %s", said)
	}
	n.has("pgpool/pool", ".spec.version", "4.3.5")
	n.eventually("the pods are what they were", func() string {
		if after := n.podUIDs(); after != before {
			return before + "\n" + after
		}
		return ""
	})
}
