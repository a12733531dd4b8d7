package pgbouncer

import (
	"context"
	"fmt"
	"time"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/database/rules"
)

// versions is the resource of the catalog objects.
const versions = "pgbouncerversions"

// gathered is everything that was read about one PgBouncer.
type gathered struct {
	pooler.Facts
	bouncer *kubedbv1.PgBouncer
	version *catalogv1alpha1.PgBouncerVersion
	// secrets are what goes into the userlist for the users.
	secrets userSecrets
	// recheck, when positive, is how soon to ask the server again for the users' secrets.
	recheck time.Duration
}

// Gather reads the catalog version, the AppBinding, the users with what PostgreSQL stores of their passwords, and the
// user's configuration.
func (k Kind) Gather(ctx context.Context, r database.Reader, in database.Instance) (database.Gathered, error) {
	g := gathered{bouncer: of(in), version: &catalogv1alpha1.PgBouncerVersion{}}
	if err := pooler.Usable(in, unsupported(g.bouncer)); err != nil {
		return nil, err
	}
	if err := pooler.Version(ctx, r, in, g.version, versions); err != nil {
		return nil, err
	}
	images := rules.InitScripts(g.bouncer.Spec.Init, g.version.Spec.GitSyncer.Image)
	if err := pooler.Usable(in, append(images, rules.Exporter(in, g.bouncer.Spec.Monitor, g.version.Spec.Exporter.Image)...)); err != nil {
		return nil, err
	}
	var err error
	if g.Facts, err = pooler.Gather(ctx, r, k.Info(), in, wishes(g.bouncer)); err != nil {
		return nil, err
	}
	if err := g.askForSecrets(ctx, r); err != nil {
		return nil, err
	}
	return g, nil
}

// askAgain is how soon a server that does not answer is asked again for its users' verifiers.
const askAgain = 2 * time.Second

// askForSecrets fills secrets. When the server does not answer, the users keep what the present userlist says of them,
// so that a PgBouncer can be changed while its Postgres is away; without a userlist there is nothing to begin with.
func (g *gathered) askForSecrets(ctx context.Context, r database.Reader) error {
	secrets, err := secretsOf(ctx, g.Server, g.Users)
	if err == nil {
		g.secrets = secrets
		return nil
	}
	former, problem := formerSecrets(ctx, r, g.bouncer)
	if problem != nil {
		return problem
	}
	if len(former) == 0 {
		return &database.Waiting{What: fmt.Sprintf("the Postgres of AppBinding %s/%s: %v", g.Server.Namespace, g.Server.Name, err), Recheck: askAgain}
	}
	g.secrets, g.recheck = userSecrets{}, askAgain
	for user := range g.Users {
		if secret, known := former[user]; known {
			g.secrets[user] = secret
		}
	}
	return nil
}
