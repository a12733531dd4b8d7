package pgbouncer

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Kind is the adapter of PgBouncer.
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
		Kind:      kubedbv1.KindPgBouncer,
		Name:      naming.NamePgBouncer,
		Component: naming.ComponentPooler,
		Container: naming.ContainerPgBouncer,
		OpsKind:   "PgBouncerOpsRequest",
		AdminUser: "pgbouncer",
		PersistentSecrets: func(name, uid string) []string {
			return []string{naming.BackendSecret(name), naming.ConfigSecret(name, uid)}
		},
		Texts: database.Texts{
			ProvisioningStarted: "The KubeDB operator has started the provisioning of PgBouncer: %s",
			ReplicasReady:       "All desired replicas are ready.",
			Accepting:           "pgBouncer %s is accepting connection",
			AcceptingReason:     "AcceptingConnection",
			Ready:               "pgBouncer %s is ready",
			ReadyReason:         "AllReplicasReady",
			Provisioned:         "The PgBouncer: %s is successfully provisioned.",
		},
	}
}

// New returns an empty PgBouncer.
func (Kind) New() database.Instance { return instance{&kubedbv1.PgBouncer{}} }

// Default fills the defaults into the spec.
func (Kind) Default(in database.Instance) {
	bouncer := of(in)
	spec := &bouncer.Spec
	pooler.FillDefaults(pooler.Defaults{
		Replicas: &spec.Replicas, SSLMode: &spec.SSLMode, TLS: spec.TLS,
		Halted: spec.Halted, DeletionPolicy: &spec.DeletionPolicy, Health: &spec.HealthChecker,
		Postgres: &spec.Database.DatabaseRef.Namespace, Namespace: bouncer.Namespace,
	})
	if old := spec.ConfigSecret; old != nil { // the old form of configuration.secretName, which wins
		if spec.Configuration == nil {
			spec.Configuration = &kubedbv1.PgBouncerConfiguration{}
		}
		if spec.Configuration.SecretName == "" {
			spec.Configuration.SecretName = old.Name
		}
		spec.ConfigSecret = nil
	}
}

// instance is a PgBouncer seen through the seam.
type instance struct{ bouncer *kubedbv1.PgBouncer }

// of returns the PgBouncer inside an instance of this kind.
func of(in database.Instance) *kubedbv1.PgBouncer { return in.Object().(*kubedbv1.PgBouncer) }

func (i instance) Object() client.Object            { return i.bouncer }
func (i instance) Status() *sharedv1.DatabaseStatus { return i.bouncer.DatabaseStatus() }
func (i instance) DeepCopy() database.Instance      { return instance{i.bouncer.DeepCopy()} }

func (i instance) Spec() database.Spec {
	spec := i.bouncer.Spec
	return database.Spec{
		Version:        spec.Version,
		Replicas:       ptr.Deref(spec.Replicas, 1),
		Halted:         spec.Halted,
		DeletionPolicy: spec.DeletionPolicy,
		Health:         database.HealthCheckOf(spec.HealthChecker),
		Auth:           spec.AuthSecret,
		InitPending:    spec.Init != nil && !spec.Init.Initialized,
		Backend:        backendOf(i.bouncer),
	}
}

// wishes is the part of the spec that other poolers have too.
func wishes(bouncer *kubedbv1.PgBouncer) pooler.Wishes {
	spec := bouncer.Spec
	return pooler.Wishes{
		Postgres: backendOf(bouncer), Field: "spec.database.databaseRef",
		SyncUsers: spec.Database.SyncUsers, Configuration: configuration(bouncer), ConfFile: ConfFile,
		TLS: spec.TLS, SSLMode: spec.SSLMode, Port: port(bouncer), ClientName: clientName, Init: spec.Init, PodTemplate: spec.PodTemplate, Services: spec.ServiceTemplates, Monitor: spec.Monitor,
	}
}

func backendOf(bouncer *kubedbv1.PgBouncer) types.NamespacedName {
	ref := bouncer.Spec.Database.DatabaseRef
	return types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
}

func configuration(bouncer *kubedbv1.PgBouncer) *sharedv1.ConfigurationSpec {
	if bouncer.Spec.Configuration == nil {
		return nil
	}
	return &bouncer.Spec.Configuration.ConfigurationSpec
}
