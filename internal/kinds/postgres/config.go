package postgres

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// ConfigInput is everything that the configuration files depend on.
type ConfigInput struct {
	Name     string
	Version  string // of the server, such as 15.18
	Replicas int32
	// ReadReplicas are the groups of members that never become primary and that no commit waits for.
	ReadReplicas []database.Group
	// Memory and CPUs of the server's container, Storage of its volume, in bytes; 0 is unknown.
	Memory, CPUs, Storage int64
	// MemoryLimit is what the server's container may use, in bytes; 0 is no limit.
	MemoryLimit int64
	StandbyMode kubedbv1.StandbyMode
	Replication *kubedbv1.Replication
	// Synchronous is nil for asynchronous streaming.
	Synchronous *kubedbv1.SynchronousReplication
	Tuning      *kubedbv1.Tuning
	// SecretText is the user.conf of the user's Secret, InlineText that of spec.configuration.inline, which is the
	// stronger one.
	SecretText, InlineText string
	// Admin is the administrator's user name, Method how clients log in.
	Admin, Method string
	// SSLMode is spec.sslMode.
	SSLMode sharedv1.SSLMode
}

// Config is a rendered configuration.
type Config struct {
	// Files by name, as they go into the configuration Secret.
	Files map[string]string
	// Effective is what postgresql.conf says, for the plan of a change.
	Effective layer.Effective
	// Overridden are the user's settings that have no effect.
	Overridden []layer.Override
}

// Render merges mandatory > inline > Secret > tuned > default and prints the files. An error of type conf.Problems names
// what the user has to change.
func Render(in ConfigInput) (Config, error) {
	know, err := catalog.Postgres(in.Version)
	if err != nil {
		return Config{}, err
	}
	user, err := userSettings(in, know)
	if err != nil {
		return Config{}, err
	}
	files := map[string]string{}
	tuned, err := tune(in, files)
	if err != nil {
		return Config{}, err
	}
	effective := layer.Merge(layer.Layers{Default: defaults(in), Tuned: tuned, User: user, Mandatory: mandatory(in).Merge(tlsSettings(in.SSLMode))})
	if err := combinations(in, effective.Settings()).Err(); err != nil {
		return Config{}, err
	}
	if files[naming.PostgresConf], err = pgconf.Print(pgconf.PostgreSQL, effective.Settings()); err != nil {
		return Config{}, fmt.Errorf("write %s: %w", naming.PostgresConf, err)
	}
	if files[naming.PostgresHBA], err = renderHBA(in); err != nil {
		return Config{}, fmt.Errorf("write %s: %w", naming.PostgresHBA, err)
	}
	if members := slotted(in); len(members) > 0 {
		files[naming.PostgresSlots] = slotsText(members)
	}
	files[naming.PostgresUpstream] = upstream(in.SSLMode)
	// For people to read: where a setting came from.
	if in.SecretText != "" {
		files[naming.PostgresUser] = in.SecretText
	}
	if in.InlineText != "" {
		files[naming.PostgresInline] = in.InlineText
	}
	return Config{Files: files, Effective: effective, Overridden: effective.Overrides(know)}, nil
}

// userSettings parses and checks what the user wrote.
func userSettings(in ConfigInput, know *catalog.Catalog) (*conf.Settings, error) {
	if err := (custom.Text{Secret: in.SecretText, Inline: in.InlineText}).Fits(naming.PostgresUser); err != nil {
		return nil, err
	}
	secret, err := pgconf.Parse(pgconf.PostgreSQL, in.SecretText)
	if err != nil {
		return nil, fmt.Errorf("read %s of the configuration Secret: %w", naming.PostgresUser, err)
	}
	inline, err := pgconf.Parse(pgconf.PostgreSQL, in.InlineText)
	if err != nil {
		return nil, fmt.Errorf("read %s of spec.configuration.inline: %w", naming.PostgresUser, err)
	}
	user := secret.Merge(inline)
	if err := reserved(user).Err(); err != nil {
		return nil, err
	}
	if err := know.Validate(user).Err(); err != nil {
		return nil, fmt.Errorf("check %s against PostgreSQL %s: %w", naming.PostgresUser, in.Version, err)
	}
	return user, nil
}

// tune computes the tuned settings and adds their file; nil where the user does not want them.
func tune(in ConfigInput, files map[string]string) (*conf.Settings, error) {
	if in.Tuning == nil || in.Tuning.DisableAutoTune {
		return nil, nil
	}
	input := TuningInput{
		Major: major(in.Version), Memory: in.Memory, CPUs: in.CPUs, Profile: in.Tuning.Profile, Disk: in.Tuning.StorageType,
	}
	if in.Tuning.MaxConnections != nil {
		input.MaxConnections = int64(*in.Tuning.MaxConnections)
	}
	fillDefault(&input.Profile, kubedbv1.TuningProfileWeb)
	fillDefault(&input.Disk, kubedbv1.DiskTypeSSD)
	tuned := Tune(input)
	text, err := tunedText(input, tuned)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", naming.PostgresTune, err)
	}
	files[naming.PostgresTune] = text
	return tuned, nil
}

// followers is how many members follow the primary, itself counted: each may become one.
func (in ConfigInput) followers() int32 {
	n := in.Replicas
	for _, g := range in.ReadReplicas {
		n += g.Replicas
	}
	return n
}

// major returns the major version, 0 if the text is no version.
func major(version string) int {
	v, err := semver.NewVersion(version)
	if err != nil {
		return 0
	}
	return int(v.Major())
}

// configInput is what the configuration files of this Postgres depend on.
func (g gathered) configInput() ConfigInput {
	spec := g.pg.Spec
	resources, size := resourcesOf(spec.PodTemplate), sizeOf(spec.Storage)
	in := ConfigInput{
		Name: g.pg.Name, Version: g.version.Spec.Version, Replicas: g.spec.Replicas, ReadReplicas: g.spec.Groups,
		Memory: asked(resources, corev1.ResourceMemory).Value(), MemoryLimit: resources.Limits.Memory().Value(),
		CPUs:    asked(resources, corev1.ResourceCPU).Value(),
		Storage: size.Value(), StandbyMode: spec.StandbyMode, Replication: spec.Replication,
		SecretText: g.secretText, Admin: g.admin(), SSLMode: spec.SSLMode,
	}
	in.Method = clientAuth(g.pg, major(in.Version))
	if spec.StreamingMode == kubedbv1.StreamingModeSynchronous {
		in.Synchronous = spec.SynchronousReplicationConfig
	}
	if spec.Configuration != nil {
		in.Tuning, in.InlineText = spec.Configuration.Tuning, spec.Configuration.Inline[naming.PostgresUser]
	}
	return in
}

// resourcesOf are those of the server's container, with the defaults for what the user leaves out.
func resourcesOf(template *sharedv1.PodTemplateSpec) corev1.ResourceRequirements {
	var user corev1.ResourceRequirements
	if template != nil {
		for _, c := range template.Spec.Containers {
			if c.Name == naming.ContainerPostgres {
				user = c.Resources
			}
		}
	}
	return blocks.FillResources(user, blocks.ServerResources())
}

// asked is what is requested of a resource, else its limit.
func asked(r corev1.ResourceRequirements, name corev1.ResourceName) *resource.Quantity {
	if q, found := r.Requests[name]; found {
		return &q
	}
	q := r.Limits[name]
	return &q
}

// sizeOf is the size of a data volume; zero if it is not known.
func sizeOf(storage *corev1.PersistentVolumeClaimSpec) resource.Quantity {
	if storage == nil {
		return resource.Quantity{}
	}
	return storage.Resources.Requests[corev1.ResourceStorage]
}

// quoteConn quotes a value of a libpq connection string.
func quoteConn(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
