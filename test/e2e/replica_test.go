//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// TestARemoteReplicaFollowsItsSourceAndIsPromoted is the way of KubeDB's guide: the replica waits for its source, follows
// it, and becomes a primary when the reference is removed and its pod restarted.
func TestARemoteReplicaFollowsItsSourceAndIsPromoted(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("copy", "15.18", 1, "  remoteReplica: {sourceRef: {name: pg, namespace: "+n.name+"}}\n"))
	waits := func(what string) {
		n.eventually("the replica waits for "+what, func() string {
			said := n.field("postgres/copy", `.status.conditions[?(@.type=="DatabaseDependencyReady")].message`)
			if strings.Contains(said, what) {
				return ""
			}
			return said
		})
	}
	waits("copy-auth")
	n.apply(postgres("pg", "15.18", 1, ""))
	n.ready("postgres/pg")
	n.apply(`
apiVersion: v1
kind: Secret
metadata: {name: copy-auth}
type: kubernetes.io/basic-auth
stringData: {username: postgres, password: "` + n.secret("pg-auth", "password") + `"}
`)
	c := n.newClient("15.18")
	n.ready("postgres/copy")
	source, copied := n.login("pg", "pg", 5432), n.login("copy", "copy", 5432)
	c.mustSQL(source, "create table t(i int); insert into t values (42)")
	c.says(copied, "select i from t", "42")
	c.says(source, "select application_name || ' ' || state from pg_stat_replication", "copy-0 streaming")
	c.says(copied, "select pg_is_in_recovery()", "t")

	n.kubectl("patch", "postgres", "copy", "--type=json", "-p", `[{"op":"remove","path":"/spec/remoteReplica"}]`)
	n.gone("secret/copy-source")
	c.says(copied, "select pg_is_in_recovery()", "t") // nothing happens before the pod is restarted
	n.ready("postgres/copy")
	n.kubectl("delete", "pod", "copy-0")
	c.says(copied, "select pg_is_in_recovery()", "f")
	c.mustSQL(copied, "insert into t values (43)")
	c.says(copied, "select timeline_id from pg_control_checkpoint()", "2")
	c.says(source, "select count(*) from t", "1")
	n.ready("postgres/copy")
}
