//go:build e2e

package e2e

import (
	"fmt"
	"strings"
)

// The manifests ask for little CPU and memory, so that several databases fit on a machine with two cores.
const (
	smallPostgres = `
  podTemplate: {spec: {containers: [{name: postgres, resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 512Mi}}}]}}
  storage: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 300Mi}}}
`
	smallPgpool    = "\n  podTemplate: {spec: {containers: [{name: pgpool, resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 512Mi}}}]}}\n"
	smallPgBouncer = "\n  podTemplate: {spec: {containers: [{name: pgbouncer, resources: {requests: {cpu: 20m, memory: 32Mi}}}]}}\n"
)

// postgres is a Postgres manifest; more are further lines of its spec.
func postgres(name, version string, replicas int, more string) string {
	return fmt.Sprintf(`
apiVersion: kubedb.com/v1
kind: Postgres
metadata: {name: %s}
spec:
  version: "%s"
  replicas: %d`, name, version, replicas) + smallPostgres + more
}

func pgpool(name, version string, replicas int, more string) string {
	return fmt.Sprintf(`
apiVersion: kubedb.com/v1alpha2
kind: Pgpool
metadata: {name: %s}
spec:
  version: "%s"
  replicas: %d
  postgresRef: {name: pg}`, name, version, replicas) + smallPgpool + more
}

// pgbouncer is a PgBouncer manifest; the database is in the namespace ns.
func pgbouncer(ns, name, version string, replicas int, more string) string {
	return fmt.Sprintf(`
apiVersion: kubedb.com/v1
kind: PgBouncer
metadata: {name: %s}
spec:
  version: "%s"
  replicas: %d
  database: {syncUsers: true, databaseName: postgres, databaseRef: {name: pg, namespace: %s}}`,
		name, version, replicas, ns) + smallPgBouncer + more
}

// opsRequest is an operation request for a database of the kind; section holds the lines of the section that belongs to
// its type.
func opsRequest(databaseKind, name, operation, database, section string) string {
	return fmt.Sprintf(`
apiVersion: ops.kubedb.com/v1alpha1
kind: %sOpsRequest
metadata: {name: %s}
spec:
  type: %s
  databaseRef: {name: %s}
  timeout: 2m
%s`, databaseKind, name, operation, database, section)
}

func pgpoolRequest(name, operation, database, section string) string {
	return opsRequest("Pgpool", name, operation, database, section)
}

// applyConf is the section of a Reconfigure that merges settings, one to a line, into a file.
func applyConf(file, settings, more string) string {
	return "  configuration:\n    applyConfig:\n      " + file + ": |\n        " +
		strings.ReplaceAll(settings, "\n", "\n        ") + "\n" + more
}

func applyPgpoolConf(settings, more string) string { return applyConf("pgpool.conf", settings, more) }
