package pgbouncer

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// secretsOf takes the verifiers that PostgreSQL stores, because only with the same salt can PgBouncer pass a client's
// SCRAM proof on (pgbouncer.ini(5), auth_file). Where the administrator may not read them, the passwords go into the
// userlist themselves: PgBouncer can prove itself with those as well.
func secretsOf(ctx context.Context, server backend.Server, users map[string]string) (userSecrets, error) {
	verifiers, err := backend.Verifiers(ctx, server, users)
	if errors.Is(err, backend.ErrNotAllowed) {
		return users, nil
	}
	return verifiers, err
}

// formerSecrets reads the userlist that is in force now; empty if there is none.
func formerSecrets(ctx context.Context, r database.Reader, bouncer *kubedbv1.PgBouncer) (userSecrets, error) {
	name := types.NamespacedName{Namespace: bouncer.Namespace, Name: naming.BackendSecret(bouncer.Name)}
	var secret corev1.Secret
	if err := r.Get(ctx, name, &secret); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", name, err)
	}
	return parseUserlist(string(secret.Data[UserlistFile])), nil
}

// everyone is who may log in: the users of the server and the administrator of the console.
//
// One name cannot have two passwords. If the administrator of the console is also that of the server, the server's
// verifier stands for both, provided that the password is the same. Any other user of that name is left out: who may
// make a labelled Secret shall not become administrator of the console by the choice of a name.
func (g gathered) everyone() (userSecrets, error) {
	admin := g.Admin()
	all := userSecrets{}
	for user, secret := range g.secrets {
		if admittable(user, secret) == nil {
			all[user] = secret
		}
	}
	if admin.Name == g.Server.Admin.Name {
		if admin.Password != g.Server.Admin.Password {
			return nil, fmt.Errorf("the Secret %s names the user %q, who is the administrator of the Postgres with another password; "+
				"give the administrator of PgBouncer another name", g.AuthName(), admin.Name)
		}
		if _, known := all[admin.Name]; known {
			return all, nil
		}
	}
	secret, err := verifier(string(g.bouncer.UID), admin.Name, admin.Password)
	if err != nil {
		return nil, err
	}
	all[admin.Name] = secret
	return all, admittable(admin.Name, secret)
}
