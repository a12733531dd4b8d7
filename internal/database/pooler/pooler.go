// Package pooler is what the connection poolers have in common: what is read before one is built, the objects around
// its server, its defaults and its probe. A kind says what its server is told and leaves the rest to this package.
package pooler

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/certs"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/database/rules"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Wishes is the part of the spec that all poolers have.
type Wishes struct {
	// Postgres is the AppBinding of the server to pool, Field the path in the spec that names it.
	Postgres types.NamespacedName
	Field    string
	// SyncUsers takes in the users of labelled Secrets.
	SyncUsers bool
	// Configuration is the user's part of the file ConfFile.
	Configuration *sharedv1.ConfigurationSpec
	ConfFile      string

	// TLS and SSLMode are those towards clients, Port is where these connect.
	TLS     *sharedv1.TLSConfig
	SSLMode sharedv1.SSLMode
	Port    int32
	// ClientName is the common name of the client certificate; the name of the server's administrator when empty.
	ClientName string

	Init        *sharedv1.InitSpec
	PodTemplate *sharedv1.PodTemplateSpec
	Services    []sharedv1.NamedServiceTemplateSpec
	Monitor     *sharedv1.MonitoringSpec
}

// Facts is what was read about one pooler.
type Facts struct {
	Subject blocks.Subject
	Spec    database.Spec
	Wishes  Wishes
	// Server is the PostgreSQL behind the pooler.
	Server backend.Server
	// Users who may log in through the pooler, with their passwords. The server's administrator is one of them, always
	// with the password of the AppBinding's Secret.
	Users map[string]string
	// From are the Secrets that users were taken in from.
	From map[string]string
	// Custom is the user's configuration.
	Custom custom.Text
	Live   blocks.Live
	// Certificates are the pooler's own.
	Certificates certs.State
}

// Gather reads what every pooler needs: the user's configuration, the AppBinding, the users, and what exists already.
func Gather(ctx context.Context, r database.Reader, info database.Info, in database.Instance, w Wishes) (Facts, error) {
	f := Facts{Subject: blocks.For(info, in), Spec: in.Spec(), Wishes: w}
	var err error
	if f.Custom, err = custom.Read(ctx, r, f.Subject.Namespace(), w.Configuration, w.ConfFile); err != nil {
		return f, err
	}
	if f.Server, err = backend.Read(ctx, r, w.Postgres, w.Field); err != nil {
		return f, err
	}
	f.Users = map[string]string{}
	if w.SyncUsers {
		if f.Users, f.From, err = backend.SyncedUsers(ctx, r, f.Server); err != nil {
			return f, err
		}
	}
	f.Users[f.Server.Admin.Name] = f.Server.Admin.Password
	if f.Live, err = blocks.Look(ctx, r, f.Subject, f.Spec, f.account()); err != nil {
		return f, err
	}
	f.Certificates, err = certs.Look(ctx, r, f.certificates())
	return f, err
}

// Version reads the catalog object that spec.version names into the given one; resource is what to list to see the
// others, such as pgpoolversions.
func Version(ctx context.Context, r database.Reader, in database.Instance, into client.Object, resource string) error {
	name := in.Spec().Version
	if err := r.Get(ctx, types.NamespacedName{Name: name}, into); apierrors.IsNotFound(err) {
		return database.WaitFor("version %q: not found among %s; correct spec.version, or create it "+
			"(`kubectl get %s` lists what there is)", name, resource, resource)
	} else if err != nil {
		return fmt.Errorf("read %q of %s: %w", name, resource, err)
	}
	return nil
}

// Usable turns problems of the spec that admission refuses into an error of Gather: an object may have been admitted
// while the webhooks were away, and what is not supported must not be left out in silence.
func Usable(in database.Instance, problems field.ErrorList) error {
	if len(problems) == 0 {
		return nil
	}
	return database.Unusablef("%s: %v", database.NameOf(in), problems.ToAggregate())
}

// CheckScripts is the admission rule for spec.init.script of a pooler.
func CheckScripts(init *sharedv1.InitSpec, gitSyncer string) (warnings []string, problems field.ErrorList) {
	if init != nil && init.Script != nil {
		warnings = append(warnings, "spec.init.script: the scripts are placed in "+InitDir+"; none of them is run, because a pooler has nothing to initialise")
	}
	return warnings, rules.InitScripts(init, gitSyncer)
}

// LeftOut says which users of Secrets the pooler has no way to let in, and why; expressible tells of one.
func (f Facts) LeftOut(expressible func(user string) error) []string {
	var left []string
	for _, user := range slices.Sorted(maps.Keys(f.From)) {
		if err := expressible(user); err != nil {
			left = append(left, fmt.Sprintf("Secret %s: %v", f.From[user], err))
		}
	}
	return left
}

// AuthName is the name of the Secret with the credentials of the pooler's own administrator.
func (f Facts) AuthName() string { return f.Spec.AuthSecretName(naming.AuthSecret(f.Subject.Name())) }

// Admin is the pooler's own administrator.
func (f Facts) Admin() backend.User {
	if f.Live.Auth == nil {
		return backend.User{}
	}
	return backend.User{
		Name:     string(f.Live.Auth.Data[naming.AuthUsername]),
		Password: string(f.Live.Auth.Data[naming.AuthPassword]),
	}
}

func (f Facts) account() string { return blocks.ServiceAccountName(f.Subject, f.Wishes.PodTemplate) }
