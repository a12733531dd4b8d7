package main

import "fmt"

const namespaceManifest = `
apiVersion: v1
kind: Namespace
metadata:
  name: matriarch-bench
  labels: {pod-security.kubernetes.io/enforce: restricted}
`

const pgpoolManifest = `
apiVersion: kubedb.com/v1alpha2
kind: Pgpool
metadata: {name: pool, namespace: matriarch-bench}
spec:
  version: "4.6.1"
  replicas: 2
  postgresRef: {name: pg}
  podTemplate: {spec: {containers: [{name: pgpool, resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 512Mi}}}]}}
`

const pgbouncerManifest = `
apiVersion: kubedb.com/v1
kind: PgBouncer
metadata: {name: bouncer, namespace: matriarch-bench}
spec:
  version: "1.24.1"
  replicas: 2
  database: {databaseName: postgres, databaseRef: {name: pg, namespace: matriarch-bench}}
  podTemplate: {spec: {containers: [{name: pgbouncer, resources: {requests: {cpu: 20m, memory: 32Mi}}}]}}
`

// clientManifest is the pod that the traffic comes from, given the user and the image.
const clientManifest = `
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: matriarch-bench}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: %s, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: client
      image: %s
      command: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

func postgres(name string, members int) string {
	return fmt.Sprintf(`
apiVersion: kubedb.com/v1
kind: Postgres
metadata: {name: %s, namespace: matriarch-bench}
spec:
  version: "17.11"
  replicas: %d
  deletionPolicy: WipeOut
  storage: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 300Mi}}}
  podTemplate: {spec: {containers: [{name: postgres, resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 512Mi}}}]}}
`, name, members)
}
