package main

import (
	"fmt"
	"strings"
)

const namespaceManifest = `
apiVersion: v1
kind: Namespace
metadata:
  name: matriarch-bench
  labels: {pod-security.kubernetes.io/enforce: restricted}
`

// authManifest is the administrator's password of every Postgres, so that one that is made anew lets the clients in.
const authManifest = `
apiVersion: v1
kind: Secret
metadata: {name: bench-auth, namespace: matriarch-bench}
type: kubernetes.io/basic-auth
stringData: {username: postgres, password: only-for-the-benchmark}
`

// issuersManifest has two authorities, first and second.
var issuersManifest = `
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self, namespace: matriarch-bench}
spec: {selfSigned: {}}
` + authority("first") + authority("second")

func authority(name string) string {
	return strings.ReplaceAll(`
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: NAME, namespace: matriarch-bench}
spec: {isCA: true, commonName: NAME, secretName: NAME, privateKey: {algorithm: ECDSA}, issuerRef: {name: self}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: NAME, namespace: matriarch-bench}
spec: {ca: {secretName: NAME}}
`, "NAME", name)
}

func pgpool(version string) string {
	return fmt.Sprintf(`
apiVersion: kubedb.com/v1alpha2
kind: Pgpool
metadata: {name: pool, namespace: matriarch-bench}
spec:
  version: %q
  replicas: 2
  postgresRef: {name: pg}
  podTemplate: {spec: {containers: [{name: pgpool, resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 512Mi}}}]}}
`, version)
}

func pgbouncer(version, poolMode string) string {
	return fmt.Sprintf(`
apiVersion: kubedb.com/v1
kind: PgBouncer
metadata: {name: bouncer, namespace: matriarch-bench}
spec:
  version: %q
  replicas: 2
  database: {databaseName: postgres, databaseRef: {name: pg, namespace: matriarch-bench}}
  connectionPool: {poolMode: %s}
  podTemplate: {spec: {containers: [{name: pgbouncer, resources: {requests: {cpu: 20m, memory: 32Mi}}}]}}
`, version, poolMode)
}

func postgres(name, version string, members int) string {
	return fmt.Sprintf(`
apiVersion: kubedb.com/v1
kind: Postgres
metadata: {name: %s, namespace: matriarch-bench}
spec:
  version: %q
  replicas: %d
  authSecret: {name: bench-auth, externallyManaged: true}
  deletionPolicy: WipeOut
  storage: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 300Mi}}}
  podTemplate: {spec: {containers: [{name: postgres, resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 512Mi}}}]}}
`, name, version, members)
}
