package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// sourceField is where the spec names the AppBinding of the source.
const sourceField = "spec.remoteReplica.sourceRef"

// oldestReplica is the oldest major version whose standbys take a new address by a reload, and the API's own bound.
const oldestReplica = 13

// readSource reads the server that a remote replica follows, nil for a cluster of its own. version is the replica's.
func readSource(ctx context.Context, r database.Reader, pg *kubedbv1.Postgres, version string) (*backend.Server, error) {
	if pg.Spec.RemoteReplica == nil {
		return nil, nil
	}
	ref := pg.Spec.RemoteReplica.SourceRef
	name := types.NamespacedName{Namespace: cmp.Or(ref.Namespace, pg.Namespace), Name: ref.Name}
	server, err := backend.Read(ctx, r, name, sourceField)
	if err != nil {
		return nil, err
	}
	if problem := followable(server, version); problem != "" {
		return nil, database.Unusablef("Postgres %s/%s: %s", pg.Namespace, pg.Name, problem)
	}
	return &server, nil
}

// followable says why a source cannot be followed, as far as its AppBinding tells; empty if it can.
func followable(server backend.Server, version string) string {
	about := fmt.Sprintf("the source, AppBinding %s/%s", server.Namespace, server.Name)
	theirs, ours := major(server.Version), major(version)
	switch {
	case backend.DemandsTLS(server.SSLMode):
		return fmt.Sprintf("%s, asks for sslmode=%s, and a remote replica can not stream over TLS in this release of Matriarch; "+
			"give the replica another way to the source and set sslmode=disable or prefer in the AppBinding", about, server.SSLMode)
	case ours < oldestReplica:
		return fmt.Sprintf("a remote replica needs PostgreSQL %d or later, and spec.version is %s", oldestReplica, version)
	case theirs != 0 && theirs != ours:
		return fmt.Sprintf("%s, is PostgreSQL %s and spec.version is %s: a replica needs the same major version", about, server.Version, version)
	}
	return ""
}

// follows tells whether the members stream from a source: because they shall, or because nobody has restarted them since
// the reference was removed. Until then they serve reads alone.
func (g gathered) follows() bool {
	if g.source != nil {
		return true
	}
	for _, r := range g.live.Reports {
		if r.Source != "" {
			return true
		}
	}
	return false
}

// clientsRole is the role of the members that the clients' Service leads to. A replica has no primary.
func (g gathered) clientsRole() string {
	if g.follows() {
		return naming.RoleStandby
	}
	return naming.RolePrimary
}

// sourceSecret adds the Secret by which the first member's agent finds the source. It is a copy because the AppBinding
// may be in a namespace in which the agent has no business.
func (g gathered) sourceSecret(d *database.Desired) {
	name := naming.SourceSecret(g.pg.Name)
	if g.source == nil {
		d.Absent = append(d.Absent, &corev1.Secret{ObjectMeta: g.subject.Ref(name)})
		return
	}
	d.Secrets = append(d.Secrets, &corev1.Secret{
		ObjectMeta: g.subject.Meta(name), Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{
			naming.SourceName:   []byte(g.source.Namespace + "/" + g.source.Name),
			naming.SourceHost:   []byte(g.source.Host),
			naming.SourcePort:   []byte(strconv.Itoa(int(g.source.Port))),
			naming.AuthUsername: []byte(g.source.Admin.Name),
			naming.AuthPassword: []byte(g.source.Admin.Password),
		},
	})
}

// sourceEnv tells the agents that the cluster follows a source.
func (g gathered) sourceEnv() []corev1.EnvVar {
	if g.source == nil {
		return nil
	}
	return []corev1.EnvVar{{Name: naming.EnvSourceSecret, Value: naming.SourceSecret(g.pg.Name)}}
}

// secrets are those that the agents read.
func (g gathered) secrets(config string) []string {
	names := []string{config, g.authName(), naming.TLSSecret(g.pg.Name)}
	if g.source != nil {
		names = append(names, naming.SourceSecret(g.pg.Name))
	}
	return names
}

// remote checks spec.remoteReplica: the reference, the source as far as it can be seen now, and what does not go
// together with it.
func (c *checks) remote(ctx context.Context, r database.Reader, old database.Instance, g gathered) {
	pg, at := g.pg, field.NewPath("spec", "remoteReplica")
	if old != nil {
		c.remoteChange(at, of(old), pg)
	}
	if pg.Spec.RemoteReplica == nil {
		if pg.Spec.Mode == kubedbv1.PostgresModeRemoteReplica {
			c.refuse(field.Required(at, "spec.mode RemoteReplica needs spec.remoteReplica; remove both to promote a replica"))
		}
		return
	}
	ref := pg.Spec.RemoteReplica.SourceRef
	if ref.Name == "" {
		c.refuse(field.Required(at.Child("sourceRef", "name"), "name the AppBinding of the server to follow"))
		return
	}
	if len(slotted(g.configInput())) > 0 && pg.Spec.StandbyMode == kubedbv1.StandbyModeWarm {
		c.refuse(field.Forbidden(field.NewPath("spec", "replication", "walLimitPolicy"),
			"the first member of a remote replica can keep replication slots for the others only with spec.standbyMode Hot"))
	}
	if pg.Spec.Init != nil {
		c.warn("spec.init has no effect: a remote replica begins as a copy of its source")
	}
	_, err := readSource(ctx, r, pg, g.version.Spec.Version)
	var wrong *database.Unusable
	var waiting *database.Waiting
	switch {
	case errors.As(err, &wrong):
		c.refuse(field.Invalid(at.Child("sourceRef"), ref.Name, wrong.What))
	case errors.As(err, &waiting):
		c.warn("%v", waiting)
	case err != nil:
		c.refuse(field.InternalError(at.Child("sourceRef"), err))
	}
}

// remoteChange checks what becomes of the reference of a Postgres that exists.
func (c *checks) remoteChange(at *field.Path, old, now *kubedbv1.Postgres) {
	before, after := old.Spec.RemoteReplica, now.Spec.RemoteReplica
	switch {
	case equality.Semantic.DeepEqual(before, after):
	case before != nil && after == nil:
		c.warn("spec.remoteReplica is removed: the members go on as replicas until their pods are restarted; then %s-0 becomes primary, "+
			"and what the source writes after that never arrives", now.Name)
	default:
		c.refuse(field.Forbidden(at, "it can only be removed after creation; to follow the same source under another address, change its AppBinding"))
	}
}
