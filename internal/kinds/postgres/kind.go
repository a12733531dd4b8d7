package postgres

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Kind is the adapter of Postgres.
type Kind struct {
	agentImage string
}

var (
	_ database.Kind         = Kind{}
	_ database.Reconfigurer = Kind{}
	_ database.Operable     = Kind{}
)

// New returns the kind. agentImage holds the agent that runs in the pods.
func New(agentImage string) Kind { return Kind{agentImage: agentImage} }

// Info returns the fixed facts about the kind.
func (Kind) Info() database.Info {
	return database.Info{
		Kind:      kubedbv1.KindPostgres,
		Name:      naming.NamePostgres,
		Component: naming.ComponentDatabase,
		Container: naming.ContainerPostgres,
		OpsKind:   "PostgresOpsRequest",
		AdminUser: "postgres",
		Texts: database.Texts{
			ProvisioningStarted: "The KubeDB operator has started the provisioning of Postgres: %s",
			ReplicasReady:       "All desired replicas are ready.",
			Accepting:           "The PostgreSQL: %s is accepting client requests.",
			AcceptingReason:     sharedv1.ReasonAcceptingConnectionRequest,
			Ready:               "DB is ready because of server getting Online and Running state",
			ReadyReason:         sharedv1.ReasonReadinessCheckSucceeded,
			Provisioned:         "The PostgreSQL: %s is successfully provisioned.",
		},
	}
}

// New returns an empty Postgres.
func (Kind) New() database.Instance { return instance{&kubedbv1.Postgres{}} }

// Default fills the defaults into the spec. What depends on the server's version (the client authentication) is not
// filled in but decided when the version is known, so that it follows an update of the version.
func (Kind) Default(in database.Instance) {
	spec := &of(in).Spec
	setDefault(&spec.Replicas, ptr.To[int32](1))
	fillDefault(&spec.StandbyMode, kubedbv1.StandbyModeHot)
	fillDefault(&spec.StorageType, sharedv1.StorageTypeDurable)
	fillDefault(&spec.SSLMode, defaultSSLMode(spec.TLS))
	fillDefault(&spec.DeletionPolicy, sharedv1.DeletionPolicyDelete)
	if spec.Halted && spec.DeletionPolicy != sharedv1.DeletionPolicyDoNotTerminate {
		spec.DeletionPolicy = sharedv1.DeletionPolicyHalt
	}
	if spec.StreamingMode == kubedbv1.StreamingModeSynchronous {
		defaultSynchronous(spec)
	}
	foldConfigSecret(spec)
	for i := range spec.ReadReplicas {
		setDefault(&spec.ReadReplicas[i].Replicas, ptr.To[int32](1))
	}
	setDefault(&spec.HealthChecker.PeriodSeconds, ptr.To[int32](10))
	setDefault(&spec.HealthChecker.TimeoutSeconds, ptr.To[int32](10))
	setDefault(&spec.HealthChecker.FailureThreshold, ptr.To[int32](1))
}

func defaultSSLMode(tls *sharedv1.TLSConfig) sharedv1.SSLMode {
	if tls != nil {
		return sharedv1.SSLModeVerifyFull
	}
	return sharedv1.SSLModeDisable
}

func defaultSynchronous(spec *kubedbv1.PostgresSpec) {
	if spec.SynchronousReplicationConfig == nil {
		spec.SynchronousReplicationConfig = &kubedbv1.SynchronousReplication{}
	}
	sync := spec.SynchronousReplicationConfig
	fillDefault(&sync.Mode, kubedbv1.SynchronousModeAny)
	setDefault(&sync.NumSyncReplicas, ptr.To[int32](1))
	fillDefault(&sync.CommitLevel, kubedbv1.CommitLevelRemoteWrite)
}

// foldConfigSecret moves the old form of naming the user's configuration into the new one, which wins.
func foldConfigSecret(spec *kubedbv1.PostgresSpec) {
	if spec.ConfigSecret == nil || spec.ConfigSecret.Name == "" {
		return
	}
	if spec.Configuration == nil {
		spec.Configuration = &kubedbv1.PostgresConfiguration{}
	}
	fillDefault(&spec.Configuration.SecretName, spec.ConfigSecret.Name)
	spec.ConfigSecret = nil
}

func setDefault[T any](field **T, otherwise *T) {
	if *field == nil {
		*field = otherwise
	}
}

func fillDefault[T ~string](field *T, otherwise T) {
	if strings.TrimSpace(string(*field)) == "" {
		*field = otherwise
	}
}

// instance is a Postgres seen through the seam.
type instance struct{ pg *kubedbv1.Postgres }

// of returns the Postgres inside an instance of this kind.
func of(in database.Instance) *kubedbv1.Postgres { return in.Object().(*kubedbv1.Postgres) }

func (i instance) Object() client.Object            { return i.pg }
func (i instance) Status() *sharedv1.DatabaseStatus { return i.pg.DatabaseStatus() }
func (i instance) DeepCopy() database.Instance      { return instance{i.pg.DeepCopy()} }

// DateCredentials implements database.CredentialsDated.
func (i instance) DateCredentials(since metav1.Time) {
	i.pg.Status.AuthSecret = &kubedbv1.AuthSecretStatus{LastUpdateTimestamp: &since}
}

func (i instance) Spec() database.Spec {
	spec := i.pg.Spec
	return database.Spec{
		Version:        spec.Version,
		Replicas:       ptr.Deref(spec.Replicas, 1),
		Groups:         groupsOf(i.pg),
		Halted:         spec.Halted,
		DeletionPolicy: spec.DeletionPolicy,
		Health:         database.HealthCheckOf(spec.HealthChecker),
		Auth:           spec.AuthSecret,
		AuthGiven:      spec.RemoteReplica != nil,
		InitPending:    spec.Init != nil && !spec.Init.Initialized,
	}
}
