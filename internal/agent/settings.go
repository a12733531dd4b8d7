package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/matriarchdb/matriarch/internal/naming"
)

// Kinds of server, the values of naming.EnvKind.
const (
	KindPostgres  = "Postgres"
	KindPgpool    = "Pgpool"
	KindPgBouncer = "PgBouncer"
)

// Environment for an agent that runs outside of a pod, beside others on one machine.
const (
	// EnvRoot is put in front of every absolute path that the agent itself uses.
	EnvRoot = "MATRIARCH_ROOT"
	// EnvListen replaces the address of the probes.
	EnvListen = "MATRIARCH_LISTEN"
	// EnvPeerAddress replaces the address of a member; {pod} stands for its name.
	EnvPeerAddress = "MATRIARCH_PEER_ADDRESS"
)

// Settings are what the pod template tells the agent.
type Settings struct {
	Kind      string
	Instance  string
	Pod       string
	Namespace string
	PodUID    string

	ConfigSecret      string
	CredentialsSecret string
	AuthSecret        string
	Lease             string
	GoverningService  string
	// TLSSecret holds the published certificates; empty if the pod was made for none.
	TLSSecret string
	// SourceSecret describes the server that the cluster follows; empty for a cluster of its own.
	SourceSecret string
	// InitScripts is the file or folder of the scripts for a new cluster; empty is none.
	InitScripts string
	// ReadReplica is the group of read replicas that the pod belongs to; empty for a member that can become primary.
	ReadReplica string
	// Settings are lines of postgresql.conf for this pod, which win over the Secret's.
	Settings string

	// Grace is the time between SIGTERM and SIGKILL.
	Grace  time.Duration
	Root   string
	Listen string
	// PeerAddress is the address of a member, with {pod} for its name.
	PeerAddress string
}

// defaultGrace is the Kubernetes default of terminationGracePeriodSeconds.
const defaultGrace = 30 * time.Second

// SettingsFromEnv reads the environment and names everything that is missing.
func SettingsFromEnv() (Settings, error) {
	var missing []error
	need := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, fmt.Errorf("environment variable %s is not set", name))
		}
		return value
	}
	s := Settings{
		Kind: need(naming.EnvKind), Instance: need(naming.EnvInstance), Pod: need(naming.EnvPodName),
		Namespace: need(naming.EnvPodNamespace), PodUID: need(naming.EnvPodUID), ConfigSecret: need(naming.EnvConfigSecret),
		Grace: defaultGrace, PeerAddress: os.Getenv(EnvPeerAddress), Root: os.Getenv(EnvRoot), Listen: os.Getenv(EnvListen),
		TLSSecret: os.Getenv(naming.EnvTLSSecret),
	}
	switch s.Kind {
	case KindPostgres:
		s.AuthSecret, s.Lease = need(naming.EnvAuthSecret), need(naming.EnvLease)
		s.GoverningService, s.SourceSecret = need(naming.EnvGoverningService), os.Getenv(naming.EnvSourceSecret)
		if place := os.Getenv(naming.EnvInitScripts); place != "" {
			s.InitScripts = s.path(place)
		}
		s.ReadReplica, s.Settings = os.Getenv(naming.EnvReadReplica), os.Getenv(naming.EnvSettings)
	case KindPgpool, KindPgBouncer:
		s.CredentialsSecret = need(naming.EnvCredentialsSecret)
	case "":
	default:
		missing = append(missing, fmt.Errorf("environment variable %s is %q, which is none of %s, %s, %s", naming.EnvKind, s.Kind, KindPostgres, KindPgpool, KindPgBouncer))
	}
	if text := os.Getenv(naming.EnvGracePeriod); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil {
			missing = append(missing, fmt.Errorf("environment variable %s is %q: a number of seconds is needed", naming.EnvGracePeriod, text))
		}
		s.Grace = time.Duration(seconds) * time.Second
	}
	if s.PeerAddress == "" {
		s.PeerAddress = fmt.Sprintf("{pod}.%s.%s.svc:%d", s.GoverningService, s.Namespace, naming.PostgresPort)
	}
	if s.Listen == "" {
		s.Listen = fmt.Sprintf(":%d", naming.AgentPort)
	}
	return s, errors.Join(missing...)
}

// path places a path of the container under Root.
func (s Settings) path(absolute string) string { return filepath.Join(s.Root, absolute) }
