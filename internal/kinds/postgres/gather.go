package postgres

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/certs"
	"github.com/matriarchdb/matriarch/internal/database/rules"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// catalogVersions is the resource of the catalog objects.
const catalogVersions = "postgresversions"

// gathered is everything that was read about one Postgres.
type gathered struct {
	subject blocks.Subject
	spec    database.Spec
	pg      *kubedbv1.Postgres
	version *catalogv1alpha1.PostgresVersion
	// secretText is user.conf of the user's Secret.
	secretText string
	// source is the server that a remote replica follows; nil for a cluster of its own.
	source *backend.Server
	live   blocks.Live
	groups liveGroups
	certs  certs.State
}

// Gather reads the catalog version, the user's configuration, the credentials and what exists already.
func (k Kind) Gather(ctx context.Context, r database.Reader, in database.Instance) (database.Gathered, error) {
	pg := of(in)
	g := gathered{subject: blocks.For(k.Info(), in), spec: in.Spec(), pg: pg}
	if err := unsupported(pg); err != nil {
		return nil, err
	}
	var err error
	if g.version, err = readVersion(ctx, r, pg.Spec.Version); err != nil {
		return nil, err
	}
	problems := rules.InitScripts(pg.Spec.Init, g.version.Spec.GitSyncer.Image)
	if problems = append(problems, rules.Exporter(in, pg.Spec.Monitor, g.version.Spec.Exporter.Image)...); len(problems) > 0 {
		return nil, database.Unusablef("%s: %v", database.NameOf(in), problems.ToAggregate())
	}
	if config := pg.Spec.Configuration; config != nil && config.SecretName != "" {
		g.secretText, err = backend.ConfigText(ctx, r, pg.Namespace, config.SecretName, naming.PostgresUser)
		if err != nil {
			return nil, err
		}
	}
	if g.source, err = readSource(ctx, r, pg, g.version.Spec.Version); err != nil {
		return nil, err
	}
	if g.live, err = blocks.Look(ctx, r, g.subject, g.spec, g.account()); err != nil {
		return nil, err
	}
	if g.groups, err = lookForGroups(ctx, r, g.subject); err != nil {
		return nil, err
	}
	taken, err := takenNames(ctx, r, g.subject, pg)
	if err != nil {
		return nil, err
	}
	if len(taken) > 0 {
		return nil, database.Unusablef("Postgres %s: %v", database.NameOf(in), taken.ToAggregate())
	}
	if g.certs, err = certs.Look(ctx, r, g.certificates()); err != nil {
		return nil, err
	}
	return g, nil
}

func readVersion(ctx context.Context, r database.Reader, name string) (*catalogv1alpha1.PostgresVersion, error) {
	version := &catalogv1alpha1.PostgresVersion{}
	err := r.Get(ctx, types.NamespacedName{Name: name}, version)
	if apierrors.IsNotFound(err) {
		return nil, database.WaitFor("PostgresVersion %q: not found; correct spec.version, or create it "+
			"(kubectl get postgresversions lists what there is)", name)
	}
	if err != nil {
		return nil, fmt.Errorf("read PostgresVersion %q: %w", name, err)
	}
	return version, nil
}

// unsupported refuses what the API has and this release has not, rather than to run something else than was asked for.
func unsupported(pg *kubedbv1.Postgres) error {
	at := pg.Namespace + "/" + pg.Name
	switch spec := pg.Spec; {
	case spec.Distributed:
		return database.Unusablef("Postgres %s: members in several Kubernetes clusters are not supported by this release of Matriarch; "+
			"remove spec.distributed, and make a Postgres with spec.remoteReplica in the other cluster for a copy there", at)
	case spec.Init != nil && spec.Init.Archiver != nil:
		return database.Unusablef("Postgres %s: recovery from an archive is not supported by this release of Matriarch; "+
			"remove spec.init.archiver, and restore a dump after creation or by spec.init.script", at)
	case spec.StorageType != sharedv1.StorageTypeEphemeral && spec.Storage == nil:
		return database.Unusablef("Postgres %s: spec.storage is missing for durable storage type", at)
	}
	if problems := readReplicaProblems(pg); len(problems) > 0 {
		return database.Unusablef("Postgres %s: %v", at, problems.ToAggregate())
	}
	return nil
}

// account is the name of the pods' service account.
func (g gathered) account() string {
	return blocks.ServiceAccountName(g.subject, g.pg.Spec.PodTemplate)
}

// authName is the name of the administrator's Secret.
func (g gathered) authName() string { return g.spec.AuthSecretName(naming.AuthSecret(g.pg.Name)) }

// admin is the administrator's user name; the default one while the Secret is not known, as at admission.
func (g gathered) admin() string {
	if g.live.Auth == nil {
		return g.subject.Info.AdminUser
	}
	return string(g.live.Auth.Data[naming.AuthUsername])
}
