package naming

// Volumes of a pod beside AgentVolume and the data volume, and where the server's container mounts them. All but the
// init scripts are empty directories: the agent fills them.
const (
	// RunVolume is in memory: candidate files and password files.
	RunVolume = "matriarch-run"
	RunDir    = "/run/matriarch"
	// SocketsVolume holds the server's Unix sockets.
	SocketsVolume      = "matriarch-sockets"
	PostgresSocketsDir = "/var/run/postgresql"
	// ConfigVolume holds the files of the configuration Secret.
	ConfigVolume = "custom-config"
	// SharedMemoryVolume is in memory, because a container's own /dev/shm is too small for parallel queries.
	SharedMemoryVolume = "shared-memory"
	SharedMemoryDir    = "/dev/shm"
	// InitScriptVolume holds the user's init scripts.
	InitScriptVolume = "initial-script"
	// GitSecretVolume holds the credentials for a repository with init scripts, mounted where git-sync looks for them.
	GitSecretVolume = "git-secret"
	GitSecretDir    = "/etc/git-secret"
	// CertsVolume holds the TLS files, mounted at CertsDir.
	CertsVolume = "certs"
	CertsDir    = "/tls/certs"
)

// Names inside the Secrets.
const (
	// AuthUsername and AuthPassword are the keys of an auth Secret.
	AuthUsername = "username"
	AuthPassword = "password"

	// SourceName, SourceHost and SourcePort are further keys of the Secret of a remote replica's source.
	SourceName = "name"
	SourceHost = "host"
	SourcePort = "port"

	PostgresConf = "postgresql.conf"
	PostgresHBA  = "pg_hba.conf"
	PostgresUser = "user.conf"
	// PostgresSlots lists the pods, one on a line, for each of which a replication slot is kept.
	PostgresSlots = "replication-slots"
	// PostgresUpstream holds the TLS options of the connections to the primary, as libpq writes them.
	PostgresUpstream = "upstream.conninfo"
	PostgresInline   = "inline.conf"
	PostgresTune     = "pgtune.conf"
	PgpoolConf       = "pgpool.conf"
	PgpoolHBA        = "pool_hba.conf"
	PgpoolPCP        = "pcp.conf"
	PgpoolPasswords  = "pool_passwd"
	PgBouncerIni     = "pgbouncer.ini"
	PgBouncerUsers   = "userlist"
)

// Certificates as files: the keys of the Secret TLSSecret, and names in the pods.
const (
	TLSCA        = "ca.crt"
	TLSServerCrt = "server.crt"
	TLSServerKey = "server.key"
	TLSClientCrt = "client.crt"
	TLSClientKey = "client.key"
)

// Names of ports.
const (
	DatabasePortName = "db"
	MetricsPortName  = "metrics"
)

// AnnotationTemplateHash is on a PetSet: the hash of its pod template without the agent's image. While it stays the
// same the PetSet keeps the agent image that it has, so that an upgrade of the operator restarts nothing.
const AnnotationTemplateHash = "matriarch.dev/template-hash"

// MonitoringAgentLabel marks what Prometheus is meant to find, with the kind of agent as its value.
const MonitoringAgentLabel = "monitoring.appscode.com/agent"

// Certificates of the PostgreSQL behind a pooler: keys of the pooler's credentials Secret, and names of files.
const (
	UpstreamCA   = "upstream-server-ca.crt"
	UpstreamCert = "upstream-server-client.crt"
	UpstreamKey  = "upstream-server-client.key"
	// UpstreamHash is the key for report.UpstreamHash of them, which the pooler's agent repeats once they are in force.
	UpstreamHash = "upstream-hash"
)

// Folders of a pooler's own certificates.
const (
	PgBouncerTLSDir = "/var/run/pgbouncer/tls/serving"
	PgpoolTLSDir    = "/opt/pgpool-II/tls"
	// PgpoolCA is the file in PgpoolTLSDir with everybody whom Pgpool trusts: its own authority and the server's.
	PgpoolCA = "ca.pem"
)
