package naming

import "strings"

// Label keys and the fixed values among them.
const (
	LabelName      = "app.kubernetes.io/name"
	LabelInstance  = "app.kubernetes.io/instance"
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelComponent = "app.kubernetes.io/component"
	LabelRole      = "kubedb.com/role"
	// LabelPostgresCluster is on the pods and selectors of a Postgres, but not on its read replicas.
	LabelPostgresCluster = "postgreses.kubedb.com/database.cluster"
	// LabelReadReplica is on everything of a group of read replicas, with the group's name as its value.
	LabelReadReplica = "postgreses.kubedb.com/database.read-replica"
	// LabelBackend is on the pods of a pooler: BackendKey of the AppBinding that they connect to.
	LabelBackend = "matriarch.dev/backend"

	ManagedBy          = "kubedb.com"
	ComponentDatabase  = "database"
	ComponentPooler    = "connection-pooler"
	RolePrimary        = "primary"
	RoleStandby        = "standby"
	RoleReadReplica    = "read-replica"
	RoleStats          = "stats"
	NamePostgres       = "postgreses.kubedb.com"
	NamePgpool         = "pgpools.kubedb.com"
	NamePgBouncer      = "pgbouncers.kubedb.com"
	DefaultPlacement   = "default"
	AnnotationKeepOn   = "kubedb.com/resource-policy-keep-on"
	AnnotationAuthFrom = "kubedb.com/auth-active-from"
	// Operator is the value of LabelName on the operator's own pods.
	Operator = "matriarch"
	// BackupManagedBy is the value of LabelManagedBy on the pods of KubeStash.
	BackupManagedBy = "kubestash.com"
)

// Selector returns the labels that select everything of one database object. The component is a label only and is
// never part of a selector.
func Selector(crdName, db string) map[string]string {
	return map[string]string{LabelName: crdName, LabelInstance: db, LabelManagedBy: ManagedBy}
}

// Offshoot returns the labels of a child object: the user's own labels of the database object, except keys of the
// kubedb.com domain and the standard app.kubernetes.io ones, then the selector and the component.
func Offshoot(user map[string]string, crdName, db, component string) map[string]string {
	out := make(map[string]string, len(user)+4)
	for k, v := range user {
		if inherited(k) {
			out[k] = v
		}
	}
	for k, v := range Selector(crdName, db) {
		out[k] = v
	}
	out[LabelComponent] = component
	return out
}

// inherited tells whether a label of the database object is copied to its children.
func inherited(key string) bool {
	domain, _, found := strings.Cut(key, "/")
	if !found {
		return true
	}
	return domain != "kubedb.com" && !strings.HasSuffix(domain, ".kubedb.com") && domain != "app.kubernetes.io"
}
