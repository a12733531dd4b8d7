package backend

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// credentials reads user name and password from the AppBinding's Secret, after its transforms.
func credentials(ctx context.Context, r client.Reader, binding appcatalogv1alpha1.AppBinding) (User, error) {
	ref := client.ObjectKeyFromObject(&binding)
	if binding.Spec.Secret == nil || binding.Spec.Secret.Name == "" {
		return User{}, database.WaitFor("AppBinding %s: spec.secret names no Secret; name one with the keys %s and %s",
			ref, naming.AuthUsername, naming.AuthPassword)
	}
	data, err := secretData(ctx, r, types.NamespacedName{Namespace: ref.Namespace, Name: binding.Spec.Secret.Name})
	if err != nil {
		return User{}, err
	}
	for _, transform := range binding.Spec.SecretTransforms {
		if data, err = apply(ctx, r, ref.Namespace, data, transform); err != nil {
			return User{}, err
		}
	}
	user := userOf(data)
	if user.Name == "" || user.Password == "" {
		return User{}, database.WaitFor("Secret %s/%s of AppBinding %s: the keys %s and %s must both be filled",
			ref.Namespace, binding.Spec.Secret.Name, ref, naming.AuthUsername, naming.AuthPassword)
	}
	return user, nil
}

func userOf(data map[string][]byte) User {
	return User{Name: string(data[naming.AuthUsername]), Password: string(data[naming.AuthPassword])}
}

func secretData(ctx context.Context, r client.Reader, name types.NamespacedName) (map[string][]byte, error) {
	var secret corev1.Secret
	if err := r.Get(ctx, name, &secret); apierrors.IsNotFound(err) {
		return nil, database.WaitFor("Secret %s: not found; create it with the keys %s and %s", name,
			naming.AuthUsername, naming.AuthPassword)
	} else if err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", name, err)
	}
	return secret.Data, nil
}

// apply makes one transform of the AppBinding's Secret, on a copy.
func apply(ctx context.Context, r client.Reader, namespace string, in map[string][]byte,
	transform appcatalogv1alpha1.SecretTransform) (map[string][]byte, error) {
	data := maps.Clone(in)
	if data == nil {
		data = map[string][]byte{}
	}
	if t := transform.RenameKey; t != nil {
		if value, found := data[t.From]; found {
			delete(data, t.From)
			data[t.To] = value
		}
	}
	if t := transform.AddKey; t != nil {
		data[t.Key] = t.Value
		if t.StringValue != nil {
			data[t.Key] = []byte(*t.StringValue)
		}
	}
	if t := transform.AddKeysFrom; t != nil && t.SecretRef != nil {
		more, err := secretData(ctx, r, types.NamespacedName{Namespace: namespace, Name: t.SecretRef.Name})
		if err != nil {
			return nil, err
		}
		maps.Copy(data, more)
	}
	if t := transform.RemoveKey; t != nil {
		delete(data, t.Key)
	}
	return data, nil
}

// SyncedUsers reads the users that spec.syncUsers asks for: every Secret in the server's namespace that carries the
// labels app.kubernetes.io/name=postgreses.kubedb.com and app.kubernetes.io/instance=<AppBinding>, with a user name and
// a password. A Secret without both is left out; of two for one user the older one counts. The role itself is made in
// PostgreSQL by whoever made the Secret. It returns the users' passwords, and the names of the Secrets they are from.
func SyncedUsers(ctx context.Context, r client.Reader, server Server) (users, from map[string]string, err error) {
	var secrets corev1.SecretList
	selector := client.MatchingLabels{naming.LabelName: naming.NamePostgres, naming.LabelInstance: server.Name}
	if err := r.List(ctx, &secrets, client.InNamespace(server.Namespace), selector); err != nil {
		return nil, nil, fmt.Errorf("list the Secrets of the users of %s/%s: %w", server.Namespace, server.Name, err)
	}
	slices.SortFunc(secrets.Items, func(a, b corev1.Secret) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	users, from = map[string]string{}, map[string]string{}
	for _, secret := range secrets.Items {
		user := userOf(secret.Data)
		if _, taken := users[user.Name]; taken || user.Name == "" || user.Password == "" || !secret.DeletionTimestamp.IsZero() {
			continue
		}
		users[user.Name], from[user.Name] = user.Password, server.Namespace+"/"+secret.Name
	}
	return users, from, nil
}
