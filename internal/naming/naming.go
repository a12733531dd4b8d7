// Package naming holds every object name, label, selector, port and path that Matriarch uses, so that no other
// package builds one by hand. The names are those of KubeDB's objects, because manifests, scripts and dashboards
// written for it look for them.
package naming

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// DNSLabelMax is the longest name that Kubernetes accepts for Services and as a label value (RFC 1123 label).
const DNSLabelMax = 63

// Finalizer is carried by every database object while its children have to be cleaned up by policy.
const Finalizer = "kubedb.com"

// FieldOwner is the one server-side-apply owner of every object that the operator writes.
const FieldOwner = "matriarch"

// withSuffix joins base and suffix and cuts the base so that the result stays a DNS label.
func withSuffix(base, suffix string) string {
	if over := len(base) + len(suffix) - DNSLabelMax; over > 0 {
		base = base[:max(len(base)-over, 0)] // a suffix that is too long by itself stays so, and is refused as a name
	}
	return base + suffix
}

// UID6 is the last six characters of an object's UID: the suffix that ties a generated Secret to one incarnation
// of its database object.
func UID6(uid string) string {
	if len(uid) <= 6 {
		return uid
	}
	return uid[len(uid)-6:]
}

// GoverningService is the headless Service that gives each pod its DNS name.
func GoverningService(db string) string { return withSuffix(db, "-pods") }

// PodHost is the DNS name of a pod of the database.
func PodHost(namespace, db string, ordinal int) string {
	return db + "-" + strconv.Itoa(ordinal) + "." + GoverningService(db) + "." + namespace + ".svc"
}

// PeerID is the number by which the PgBouncers of one database object know the one in the pod of that ordinal; PgBouncer
// has no number 0.
func PeerID(ordinal int) int { return ordinal + 1 }

// StandbyService routes to the standbys of a Postgres.
func StandbyService(db string) string { return withSuffix(db, "-standby") }

// ReadReplicas is the name of the PetSet of a group of read replicas. It is not cut: a pod's name would be too long anyway.
func ReadReplicas(db, group string) string { return db + "-" + group }

// ReadReplicaService routes to the read replicas of all groups of a Postgres.
func ReadReplicaService(db string) string { return withSuffix(db, "-rr") }

// ReadReplicaGroupService routes to the read replicas of one group.
func ReadReplicaGroupService(db, group string) string { return withSuffix(db, "-rr-"+group) }

// StatsService exposes the metrics exporter.
func StatsService(db string) string { return withSuffix(db, "-stats") }

// AuthSecret holds the administrator's user name and password, unless the user named another Secret.
func AuthSecret(db string) string { return withSuffix(db, "-auth") }

// ConfigSecret holds the final configuration files, rendered by the operator and read by the agents.
func ConfigSecret(db, uid string) string { return withSuffix(db, "-"+UID6(uid)) }

// PCPSecret holds the credential files of a Pgpool: pcp.conf and pool_passwd.
func PCPSecret(db, uid string) string { return withSuffix(db, "-pcp-"+UID6(uid)) }

// BackendSecret holds the credential file of a PgBouncer: userlist.
func BackendSecret(db string) string { return withSuffix(db, "-backend") }

// SourceSecret describes the server that a remote replica follows.
func SourceSecret(db string) string { return withSuffix(db, "-source") }

// LeaderLease is the Lease that says which pod of a Postgres is the primary.
func LeaderLease(db string) string { return withSuffix(db, "-leader") }

// CertSecret holds the certificate with the given alias (server, client, metrics-exporter); the cert-manager
// Certificate has the same name.
func CertSecret(db, alias string) string { return withSuffix(db, "-"+alias+"-cert") }

// TLSSecret holds the certificates that the members of a database share, as the operator publishes them: agents and
// poolers read this one, never those of the issuer.
func TLSSecret(db string) string { return withSuffix(db, "-tls-certs") }

// BackendKey is the value of LabelBackend for the AppBinding of that name.
func BackendKey(namespace, name string) string {
	sum := sha256.Sum256([]byte(namespace + "/" + name))
	return hex.EncodeToString(sum[:8])
}

// Network policies of a namespace with databases.
const (
	PolicyHealthCheck = "kubedb-healthcheck"
	PolicyInternal    = "kubedb-database-internal"
	PolicyBackup      = "kubedb-database-backup"
)

// RenewalRequest is the operation request that restarts the members of a database which serve the certificates of that
// hash only after a restart.
func RenewalRequest(db, hash string) string { return withSuffix(db, "-renew-"+UID6(hash)) }
