package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/database/rules"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// podRules are what the API reserves.
var podRules = rules.Pod{
	Kind:         kubedbv1.KindPostgres,
	Containers:   []string{naming.ContainerPostgres},
	ForbiddenEnv: []string{"POSTGRES_USER", "POSTGRES_PASSWORD"},
	ReservedVolumes: []string{
		naming.PostgresDataVolume, naming.InitScriptVolume, naming.SharedMemoryVolume, naming.ConfigVolume, naming.CertsVolume,
		"run-scripts", "role-scripts", "scripts", naming.GitSecretVolume, naming.AgentVolume, naming.RunVolume, naming.SocketsVolume,
	},
	ReservedMounts: []string{
		naming.PostgresDataMount, naming.PostgresInitMount, naming.SharedMemoryDir, naming.PostgresConfigMount, naming.CertsDir,
		"/run_scripts", "/role_scripts", "/scripts", naming.AgentDir, naming.RunDir, naming.PostgresSocketsDir,
	},
}

// Validate says what is wrong with a Postgres.
func (k Kind) Validate(ctx context.Context, r database.Reader, old, now database.Instance) ([]string, field.ErrorList) {
	pg := of(now)
	spec := field.NewPath("spec")
	var c checks
	c.shape(spec, pg)
	c.security(spec, pg)
	c.synchronous(spec, pg)
	c.replication(spec, pg)
	c.Refuse(podRules.Check(spec.Child("podTemplate"), pg.Spec.PodTemplate)...)
	c.Refuse(rules.Halted(now)...)
	c.storage(ctx, r, spec, pg)
	c.readReplicas(ctx, r, blocks.For(k.Info(), now), pg)
	if old != nil {
		c.immutable(spec, of(old), pg)
	}
	version := &catalogv1alpha1.PostgresVersion{}
	if problem := rules.Version(ctx, r, now, version, catalogVersions); problem != nil {
		c.refuse(problem)
		return c.Warnings, c.Problems
	}
	c.Add(rules.Deprecated(old, now, version.Spec.Deprecated, catalogVersions))
	c.user(spec, pg, version)
	c.Refuse(rules.InitScripts(pg.Spec.Init, version.Spec.GitSyncer.Image)...)
	c.Refuse(rules.Exporter(now, pg.Spec.Monitor, version.Spec.Exporter.Image)...)
	whole := now.DeepCopy()
	k.Default(whole)
	g := gathered{subject: blocks.For(k.Info(), whole), spec: whole.Spec(), pg: of(whole), version: version}
	c.configuration(ctx, r, now, g)
	c.remote(ctx, r, old, g)
	c.archiver(spec.Child("archiver"), old, pg)
	c.ignored(pg)
	return c.Warnings, c.Problems
}

// checks collects what is found.
type checks struct{ rules.Findings }

func (c *checks) refuse(err *field.Error) { c.Refuse(err) }

func (c *checks) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// shape checks numbers and what is not supported.
func (c *checks) shape(spec *field.Path, pg *kubedbv1.Postgres) {
	if pg.Spec.Replicas != nil && *pg.Spec.Replicas < 1 {
		c.refuse(field.Invalid(spec.Child("replicas"), *pg.Spec.Replicas,
			fmt.Sprintf(`spec.replicas "%d" invalid. Value must be greater than zero`, *pg.Spec.Replicas)))
	}
	if err := unsupported(pg); err != nil {
		c.refuse(field.Forbidden(spec, err.Error()))
	}
}

// security checks what goes together of tls, sslMode and clientAuthMode.
func (c *checks) security(spec *field.Path, pg *kubedbv1.Postgres) {
	c.Refuse(rules.TLS(spec, rules.Security{
		TLS: pg.Spec.TLS, SSLMode: pg.Spec.SSLMode, ClientAuthMode: pg.Spec.ClientAuthMode,
	})...)
}

// synchronous checks which standbys a commit shall wait for.
func (c *checks) synchronous(spec *field.Path, pg *kubedbv1.Postgres) {
	sync := pg.Spec.SynchronousReplicationConfig
	if sync == nil {
		return
	}
	at := spec.Child("synchronousReplicationConfig")
	if pg.Spec.StreamingMode != kubedbv1.StreamingModeSynchronous {
		c.refuse(field.Forbidden(at, "it needs spec.streamingMode: Synchronous"))
		return
	}
	n, replicas := int32(1), instance{pg}.Spec().Replicas
	if sync.NumSyncReplicas != nil {
		n = *sync.NumSyncReplicas
	}
	if n < 1 || n >= replicas && replicas > 1 {
		c.refuse(field.Invalid(at.Child("numSyncReplicas"), n, fmt.Sprintf("it must be at least 1 and less than spec.replicas, which is %d", replicas)))
	}
	names := at.Child("standbyNames")
	if sync.UseWildcard && len(sync.StandbyNames) > 0 {
		c.refuse(field.Forbidden(names, "give either names or useWildcard"))
	}
	if len(sync.StandbyNames) > 0 && int(n) > len(sync.StandbyNames) {
		c.refuse(field.Invalid(names, sync.StandbyNames, fmt.Sprintf("%d names are too few to wait for %d standbys", len(sync.StandbyNames), n)))
	}
	seen := map[string]bool{}
	for i, name := range sync.StandbyNames {
		switch {
		case name == "":
			c.refuse(field.Required(names.Index(i), "a name must not be empty"))
		case slices.ContainsFunc(groupsOf(pg), func(g database.Group) bool { return slices.Contains(podNames(g), name) }):
			c.refuse(field.Invalid(names.Index(i), name, "it is a read replica, which is asynchronous"))
		case seen[name]:
			c.refuse(field.Duplicate(names.Index(i), name))
		}
		seen[name] = true
	}
}

// replication checks how WAL is kept for standbys.
func (c *checks) replication(spec *field.Path, pg *kubedbv1.Postgres) {
	if pg.Spec.Replication == nil {
		return
	}
	at := spec.Child("replication", "walLimitPolicy")
	switch pg.Spec.Replication.WALLimitPolicy {
	case kubedbv1.WALLimitPolicyKeepSegment:
		c.refuse(field.Invalid(at, pg.Spec.Replication.WALLimitPolicy, "PostgreSQL 13 and later have no wal_keep_segments; use WALKeepSize"))
	case kubedbv1.WALLimitPolicyReplicationSlot:
		if ptr.Deref(pg.Spec.Replication.MaxSlotWALKeepSize, -1) < 0 && (ptr.Deref(pg.Spec.Replicas, 1) > 1 || len(pg.Spec.ReadReplicas) > 0) {
			c.warn("spec.replication.maxSlotWALKeepSize is unlimited: a member that stays away can fill the volume of the primary; a limit lets it be cloned anew instead")
		}
	}
}

// storage checks that there will be a volume.
func (c *checks) storage(ctx context.Context, r database.Reader, spec *field.Path, pg *kubedbv1.Postgres) {
	if pg.Spec.StorageType == sharedv1.StorageTypeEphemeral {
		if pg.Spec.DeletionPolicy == sharedv1.DeletionPolicyHalt {
			c.refuse(field.Invalid(spec.Child("deletionPolicy"), pg.Spec.DeletionPolicy, "Halt keeps volumes, and storage of the type Ephemeral has none"))
		}
		return
	}
	at := spec.Child("storage")
	if pg.Spec.Storage == nil {
		return // refused by shape
	}
	c.volume(ctx, r, at, pg.Spec.Storage)
}

// volume checks the claim of a data volume.
func (c *checks) volume(ctx context.Context, r database.Reader, at *field.Path, storage *corev1.PersistentVolumeClaimSpec) {
	if size := sizeOf(storage); size.IsZero() {
		c.refuse(field.Required(at.Child("resources", "requests", "storage"), "the size of the volume is missing"))
	}
	class := storage.StorageClassName
	if class == nil || *class == "" {
		return
	}
	err := r.Get(ctx, types.NamespacedName{Name: *class}, &storagev1.StorageClass{})
	switch {
	case apierrors.IsNotFound(err):
		c.refuse(field.Invalid(at.Child("storageClassName"), *class, fmt.Sprintf("storageClassName %q not found", *class)))
	case err != nil:
		c.refuse(field.InternalError(at.Child("storageClassName"), fmt.Errorf("read StorageClass %q: %w", *class, err)))
	}
}

// immutable checks what must not change.
func (c *checks) immutable(spec *field.Path, old, now *kubedbv1.Postgres) {
	before, after := old.Spec.StorageType, now.Spec.StorageType
	fillDefault(&before, sharedv1.StorageTypeDurable)
	fillDefault(&after, sharedv1.StorageTypeDurable)
	if before != after {
		c.refuse(field.Forbidden(spec.Child("storageType"), "it can not be changed after creation"))
	}
	c.immutableGroups(old, now)
	if old.Spec.Init != nil && old.Spec.Init.Initialized && !equality.Semantic.DeepEqual(old.Spec.Init, now.Spec.Init) {
		c.refuse(field.Forbidden(spec.Child("init"), "it can not be changed once the database is initialized"))
	}
}

// user checks that the server may run as the user that the pod template asks for.
func (c *checks) user(spec *field.Path, pg *kubedbv1.Postgres, version *catalogv1alpha1.PostgresVersion) {
	if pg.Spec.PodTemplate == nil || version.Spec.SecurityContext.RunAsAnyNonRoot || version.Spec.SecurityContext.RunAsUser == nil {
		return
	}
	want := *version.Spec.SecurityContext.RunAsUser
	for i, container := range pg.Spec.PodTemplate.Spec.Containers {
		sc := container.SecurityContext
		if container.Name != naming.ContainerPostgres || sc == nil || sc.RunAsUser == nil || *sc.RunAsUser == want {
			continue
		}
		c.refuse(field.Invalid(spec.Child("podTemplate", "spec", "containers").Index(i).Child("securityContext", "runAsUser"),
			*sc.RunAsUser, fmt.Sprintf("the image of version %s runs as user %d only", version.Name, want)))
	}
}

// configuration checks what the user configured, as far as it can be known now.
func (c *checks) configuration(ctx context.Context, r database.Reader, now database.Instance, g gathered) {
	check := rules.Configuration{File: naming.PostgresUser, Render: func(text custom.Text) ([]layer.Override, error) {
		g.secretText = text.Secret
		rendered, err := Render(g.configInput())
		return rendered.Overridden, err
	}}
	if config := g.pg.Spec.Configuration; config != nil {
		check.Spec = &config.ConfigurationSpec
	}
	c.Add(check.Check(ctx, r, now))
}

// archiver refuses to begin with an archiver: a backup that somebody counts on must not be missing in silence. What runs
// already goes on running.
func (c *checks) archiver(at *field.Path, old database.Instance, pg *kubedbv1.Postgres) {
	if pg.Spec.Archiver == nil {
		return
	}
	const message = "WAL is not archived by this release of Matriarch; remove spec.archiver and back up with pg_dump or pg_basebackup"
	if old != nil && of(old).Spec.Archiver != nil {
		c.warn("spec.archiver has no effect: %s", message)
		return
	}
	c.refuse(field.Forbidden(at, message))
}

// ignored warns about what is accepted and has no effect.
func (c *checks) ignored(pg *kubedbv1.Postgres) {
	if pg.Spec.Arbiter != nil {
		c.warn("spec.arbiter has no effect: the primary is known by a Lease, which needs no majority of pods; remove it")
	}
	if pg.Spec.EnforceFsGroup {
		c.warn("spec.enforceFsGroup has no effect: it would need a container that runs as root")
	}
	if pg.Spec.PodTemplate == nil {
		return
	}
	for _, container := range pg.Spec.PodTemplate.Spec.Containers {
		if container.Name == "pg-coordinator" {
			c.warn("the container pg-coordinator does not exist here: the agent in the container postgres does its work")
		}
	}
}

// asProblems turns any error of rendering into findings.
func asProblems(err error) conf.Problems {
	if problems, ok := errors.AsType[conf.Problems](err); ok {
		return problems
	}
	return conf.Problems{{Message: err.Error()}}
}
