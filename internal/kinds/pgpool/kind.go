package pgpool

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Kind is the adapter of Pgpool.
type Kind struct {
	operations
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
		Kind:      kubedbv1alpha2.KindPgpool,
		Name:      naming.NamePgpool,
		Component: naming.ComponentPooler,
		Container: naming.ContainerPgpool,
		OpsKind:   "PgpoolOpsRequest",
		AdminUser: "pcp",
		// The Secret with pool_passwd is not among them: it holds passwords, and no later Pgpool would take it up.
		PersistentSecrets: func(name, uid string) []string { return []string{naming.ConfigSecret(name, uid)} },
		Texts: database.Texts{
			ProvisioningStarted: "The KubeDB operator has started the provisioning of Pgpool: %s",
			ReplicasReady:       "All replicas are ready for Pgpool %s",
			Accepting:           "pgpool %s is accepting connection",
			AcceptingReason:     "AcceptingConnection",
			Ready:               "pgpool %s is ready",
			ReadyReason:         "AllReplicasReady",
			Provisioned:         "The Pgpool: %s is successfully provisioned.",
		},
	}
}

// New returns an empty Pgpool.
func (Kind) New() database.Instance { return instance{&kubedbv1alpha2.Pgpool{}} }

// Default fills the defaults into the spec.
func (Kind) Default(in database.Instance) {
	pool := of(in)
	spec := &pool.Spec
	pooler.FillDefaults(pooler.Defaults{
		Replicas: &spec.Replicas, SSLMode: &spec.SSLMode, TLS: spec.TLS, DeletionPolicy: &spec.DeletionPolicy,
		Health: &spec.HealthChecker, Postgres: &spec.PostgresRef.Namespace, Namespace: pool.Namespace,
	})
	if spec.ClientAuthMode == "" {
		spec.ClientAuthMode = sharedv1.ClientAuthModeMD5
	}
}

// instance is a Pgpool seen through the seam.
type instance struct{ pool *kubedbv1alpha2.Pgpool }

// of returns the Pgpool inside an instance of this kind.
func of(in database.Instance) *kubedbv1alpha2.Pgpool { return in.Object().(*kubedbv1alpha2.Pgpool) }

func (i instance) Object() client.Object            { return i.pool }
func (i instance) Status() *sharedv1.DatabaseStatus { return i.pool.DatabaseStatus() }
func (i instance) DeepCopy() database.Instance      { return instance{i.pool.DeepCopy()} }

func (i instance) Spec() database.Spec {
	spec := i.pool.Spec
	return database.Spec{
		Version:        spec.Version,
		Replicas:       ptr.Deref(spec.Replicas, 1),
		DeletionPolicy: spec.DeletionPolicy,
		Health:         database.HealthCheckOf(spec.HealthChecker),
		Auth:           spec.AuthSecret,
		InitPending:    spec.Init != nil && !spec.Init.Initialized,
		Backend:        backendOf(i.pool),
	}
}

// wishes is the part of the spec that other poolers have too.
func wishes(pool *kubedbv1alpha2.Pgpool) pooler.Wishes {
	spec := pool.Spec
	return pooler.Wishes{
		Postgres:  backendOf(pool),
		Field:     "spec.postgresRef",
		SyncUsers: spec.SyncUsers, Configuration: configuration(pool), ConfFile: ConfFile,
		TLS: spec.TLS, SSLMode: spec.SSLMode, Port: naming.PgpoolPort, Init: spec.Init, PodTemplate: spec.PodTemplate, Services: spec.ServiceTemplates, Monitor: spec.Monitor,
	}
}

func backendOf(pool *kubedbv1alpha2.Pgpool) types.NamespacedName {
	return types.NamespacedName{Namespace: pool.Spec.PostgresRef.Namespace, Name: pool.Spec.PostgresRef.Name}
}

func configuration(pool *kubedbv1alpha2.Pgpool) *sharedv1.ConfigurationSpec {
	if pool.Spec.Configuration == nil {
		return nil
	}
	return &pool.Spec.Configuration.ConfigurationSpec
}
