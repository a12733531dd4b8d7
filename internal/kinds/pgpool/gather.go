package pgpool

import (
	"context"
	"maps"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/database/rules"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// versions is the resource of the catalog objects.
const versions = "pgpoolversions"

// gathered is everything that was read about one Pgpool.
type gathered struct {
	pooler.Facts
	pool     *kubedbv1alpha2.Pgpool
	version  *catalogv1alpha1.PgpoolVersion
	backends []Backend
	// missing are the groups of read replicas that are listed and do not exist.
	missing []string
}

// Gather reads the catalog version, the AppBinding, the users and the user's configuration.
func (k Kind) Gather(ctx context.Context, r database.Reader, in database.Instance) (database.Gathered, error) {
	g := gathered{pool: of(in), version: &catalogv1alpha1.PgpoolVersion{}}
	if err := pooler.Usable(in, unsupported(g.pool)); err != nil {
		return nil, err
	}
	if err := pooler.Version(ctx, r, in, g.version, versions); err != nil {
		return nil, err
	}
	images := rules.InitScripts(g.pool.Spec.Init, g.version.Spec.GitSyncer.Image)
	if err := pooler.Usable(in, append(images, rules.Exporter(in, g.pool.Spec.Monitor, g.version.Spec.Exporter.Image)...)); err != nil {
		return nil, err
	}
	var err error
	if g.Facts, err = pooler.Gather(ctx, r, k.Info(), in, wishes(g.pool)); err != nil {
		return nil, err
	}
	if err := g.reachable(ctx, r); err != nil {
		return nil, err
	}
	if g.backends, err = backends(g.pool.Spec.Configuration, g.Server); err != nil {
		return nil, database.Unusablef("Pgpool %s: %v", database.NameOf(in), err)
	}
	g.missing = missingGroups(g.pool.Spec.Configuration, g.Server)
	named, err := templateUsers(ctx, r, g.pool)
	if err != nil {
		return nil, err
	}
	delete(named, g.Server.Admin.Name) // whose password is the AppBinding's
	maps.Copy(g.Users, named)
	return g, nil
}

// reachable refuses a server that Pgpool cannot talk to as it is asked to: it shows no certificate to servers, and has
// one list of authorities for servers and clients.
func (g gathered) reachable(ctx context.Context, r database.Reader) error {
	at := g.pool.Namespace + "/" + g.pool.Name
	server := g.Server.Namespace + "/" + g.Server.Name
	if g.pool.Spec.ClientAuthMode == sharedv1.ClientAuthModeCert && backend.DemandsTLS(g.Server.SSLMode) && !g.Server.Managed && len(g.Server.CA) == 0 {
		return database.Unusablef("Pgpool %s: with clientAuthMode=cert Pgpool checks the server's certificate too; put the "+
			"certificates to check it with into spec.clientConfig.caBundle of AppBinding %s", at, server)
	}
	mode, err := g.Server.ClientAuthMode(ctx, r)
	if err != nil {
		return err
	}
	if mode == sharedv1.ClientAuthModeCert {
		return database.Unusablef("Pgpool %s: Postgres %s asks its clients for certificates (clientAuthMode=cert), and Pgpool has no "+
			"way to show one; change clientAuthMode of the Postgres to scram or md5, or use a PgBouncer", at, server)
	}
	return nil
}

// configInput is what the configuration files depend on.
func (g gathered) configInput() ConfigInput {
	in := ConfigInput{
		Version: g.version.Spec.Version, Backends: g.backends, Custom: g.Custom,
		ClientAuthMode: g.pool.Spec.ClientAuthMode, SSLMode: g.pool.Spec.SSLMode, TLS: tlsOf(g.pool, g.Server),
	}
	if g.Live.Config != nil {
		in.Former = string(g.Live.Config.Data[ConfFile])
	}
	return in
}

// passwords are the files with the credentials.
func (g gathered) passwords() (map[string][]byte, error) {
	files, err := credentialFiles(g.Admin(), g.Server.Admin, g.Users)
	if err != nil {
		return nil, database.Unusablef("credentials of Pgpool %s/%s: %v", g.pool.Namespace, g.pool.Name, err)
	}
	maps.Copy(files, g.Server.Files())
	delete(files, naming.UpstreamCert) // which Pgpool shows to nobody
	delete(files, naming.UpstreamKey)
	if g.Wishes.Monitor != nil { // the server's own Secret may be in another namespace, out of the pods' reach
		files[exporterUserKey] = []byte(g.Server.Admin.Name)
		files[exporterPasswordKey] = []byte(g.Server.Admin.Password)
	}
	return files, nil
}

// probeDatabase exists in every PostgreSQL cluster that initdb made.
const probeDatabase = "postgres"
