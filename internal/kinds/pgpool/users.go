package pgpool

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Suffixes of the variables that name a user of the server and his password: ALICE_USERNAME and ALICE_PASSWORD.
const (
	usernameSuffix = "_USERNAME"
	passwordSuffix = "_PASSWORD"
)

// templateUsers are the users that the pod template names by pairs of variables of the server's container. Where two
// pairs name one user, the variable that comes last in the alphabet counts.
func templateUsers(ctx context.Context, r database.Reader, pool *kubedbv1alpha2.Pgpool) (map[string]string, error) {
	values := map[string]string{}
	for _, env := range serverEnv(pool) {
		if !strings.HasSuffix(env.Name, usernameSuffix) && !strings.HasSuffix(env.Name, passwordSuffix) {
			continue
		}
		value, err := valueOf(ctx, r, pool.Namespace, env)
		if err != nil {
			return nil, err
		}
		values[env.Name] = value
	}
	users := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		stem, isUser := strings.CutSuffix(name, usernameSuffix)
		if password := values[stem+passwordSuffix]; isUser && values[name] != "" && password != "" {
			users[values[name]] = password
		}
	}
	return users, nil
}

func serverEnv(pool *kubedbv1alpha2.Pgpool) []corev1.EnvVar {
	if pool.Spec.PodTemplate == nil {
		return nil
	}
	for _, container := range pool.Spec.PodTemplate.Spec.Containers {
		if container.Name == naming.ContainerPgpool {
			return container.Env
		}
	}
	return nil
}

// valueOf resolves a variable as the kubelet would: literally, or from a key of a Secret or ConfigMap.
func valueOf(ctx context.Context, r database.Reader, namespace string, env corev1.EnvVar) (string, error) {
	source := ptr.Deref(env.ValueFrom, corev1.EnvVarSource{})
	switch {
	case source.SecretKeyRef != nil:
		var secret corev1.Secret
		ref := source.SecretKeyRef
		err := referred(ctx, r, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &secret, reference{env.Name, "Secret", ref.Optional})
		return string(secret.Data[ref.Key]), err
	case source.ConfigMapKeyRef != nil:
		var config corev1.ConfigMap
		ref := source.ConfigMapKeyRef
		err := referred(ctx, r, types.NamespacedName{Namespace: namespace, Name: ref.Name}, &config, reference{env.Name, "ConfigMap", ref.Optional})
		return config.Data[ref.Key], err
	}
	return env.Value, nil
}

// reference is a variable that refers to another object.
type reference struct {
	variable, kind string
	optional       *bool
}

// referred reads the object that a variable refers to; an optional one may be missing.
func referred(ctx context.Context, r database.Reader, name types.NamespacedName, into client.Object, ref reference) error {
	err := r.Get(ctx, name, into)
	switch {
	case err == nil, apierrors.IsNotFound(err) && ptr.Deref(ref.optional, false):
		return nil
	case apierrors.IsNotFound(err):
		return database.WaitFor("%s %s: not found; the variable %s of the pod template refers to it", ref.kind, name, ref.variable)
	}
	return fmt.Errorf("read %s %s: %w", ref.kind, name, err)
}
