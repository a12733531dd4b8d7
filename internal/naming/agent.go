package naming

import "strconv"

// AnnotationMergedFrom is on a request that several pending ones were merged into: which, as JSON.
const AnnotationMergedFrom = "matriarch.dev/merged-from"

// MergedReconfigure is the name of such a request. The number keeps different mergers apart.
func MergedReconfigure(db string, number int64) string {
	return withSuffix(db, "-rcfg-merged-"+strconv.FormatInt(number, 10))
}

// A trial is a throwaway pod in which a new version judges the configuration before any pod gets it. Its candidate files
// come from a Secret, mounted in a folder for each Secret that a member reads.
const (
	TrialVolume       = "trial"
	TrialDir          = "/run/trial"
	TrialConfig       = "config"
	TrialCredentials  = "credentials"
	TrialCertificates = "certificates"
	// LabelTrial is on the trial's pod and Secret: the UID of the request.
	LabelTrial = "matriarch.dev/trial-of"
)

// Trial is the name of the pod of a trial, and of its Secret.
func Trial(db, requestUID string) string { return withSuffix(db, "-trial-"+UID6(requestUID)) }

// What operator and agent agree on: where the agent lives in a pod, what it is told and where it reports.
const (
	// AgentVolume is an emptyDir that the init container AgentInstaller fills with the agent's binary.
	AgentVolume    = "matriarch"
	AgentInstaller = "matriarch-agent-install"
	AgentDir       = "/matriarch"
	AgentBinary    = AgentDir + "/matriarch-agent"

	// GitSyncContainer is the init container that fetches init scripts, after AgentInstaller. The agent decides in it
	// whether they are needed, and runs GitSyncProgram, where every image of git-sync has it.
	GitSyncContainer = "git-sync"
	GitSyncProgram   = "/git-sync"

	// AgentPort serves /readyz and /livez over HTTP to the kubelet.
	AgentPort     = 8355
	AgentPortName = "agent"

	// AnnotationReport is written by a pod's agent on its own pod: a report.Report as JSON.
	AnnotationReport = "matriarch.dev/report"
	// AnnotationConfigHash is written by the operator on the configuration Secret: the hash of its files.
	AnnotationConfigHash = "matriarch.dev/config-hash"
	// AnnotationInitialized is written by the operator on the configuration Secret once spec.init.initialized is true:
	// from then on a pod does without what spec.init names when it cannot have it.
	AnnotationInitialized = "matriarch.dev/initialized"

	// Environment of the agent, set by the operator in the pod template.
	EnvKind              = "MATRIARCH_KIND"               // Postgres, Pgpool or PgBouncer
	EnvInstance          = "MATRIARCH_INSTANCE"           // name of the database object
	EnvPodName           = "POD_NAME"                     // downward API
	EnvPodNamespace      = "POD_NAMESPACE"                // downward API
	EnvPodUID            = "POD_UID"                      // downward API
	EnvConfigSecret      = "MATRIARCH_CONFIG_SECRET"      // name of the configuration Secret
	EnvCredentialsSecret = "MATRIARCH_CREDENTIALS_SECRET" // poolers: name of the Secret with users' credentials
	EnvAuthSecret        = "MATRIARCH_AUTH_SECRET"        // name of the administrator's Secret
	EnvTLSSecret         = "MATRIARCH_TLS_SECRET"         // name of the Secret with the certificates; absent without TLS
	EnvLease             = "MATRIARCH_LEASE"              // Postgres: name of the leader Lease
	EnvSourceSecret      = "MATRIARCH_SOURCE_SECRET"      // Postgres: name of the Secret of the server that a remote replica follows
	EnvGoverningService  = "MATRIARCH_GOVERNING_SERVICE"  // Postgres: name of the headless Service
	EnvReadReplica       = "MATRIARCH_READ_REPLICA"       // Postgres: name of the group of read replicas that the pod belongs to
	EnvSettings          = "MATRIARCH_SETTINGS"           // Postgres: lines of postgresql.conf for this pod, which win over the Secret's
	EnvStandbyMode       = "MATRIARCH_STANDBY_MODE"       // Postgres: Hot or Warm
	EnvInitScripts       = "MATRIARCH_INIT_SCRIPTS"       // where the init scripts are in this container; none if absent
	EnvGracePeriod       = "MATRIARCH_GRACE_SECONDS"      // the pod's termination grace period in seconds

	// PrevSuffix marks, inside the configuration Secret, the former content of a file: what a rollback returns to, and
	// what an agent starts with when the server refuses the present content.
	PrevSuffix = ".prev"
)

// Ports of the three servers and of the exporters.
const (
	PostgresPort        = 5432
	PgpoolPort          = 9999
	PCPPort             = 9595
	PgBouncerPort       = 5432
	ExporterPort        = 56790
	PgpoolExporterPort  = 9719
	PrimaryServicePort  = "primary"
	StandbyServicePort  = "standby"
	ReplicaServicePort  = "read-replica"
	PgpoolPCPPortName   = "pcp"
	ContainerPostgres   = "postgres"
	ContainerPgpool     = "pgpool"
	ContainerPgBouncer  = "pgbouncer"
	ContainerExporter   = "exporter"
	PostgresDataVolume  = "data"
	PostgresDataMount   = "/var/pv"
	PostgresInitMount   = "/var/initdb"
	PostgresConfigMount = "/etc/config"
)
