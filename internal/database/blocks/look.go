package blocks

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Live is what already exists of an instance, as far as it decides what is built.
type Live struct {
	// PetSet and Config are nil until they exist.
	PetSet *petsetv1.PetSet
	Config *corev1.Secret
	// Auth is the administrator's Secret.
	Auth *corev1.Secret
	// Service is the clients' Service, nil until it exists.
	Service *corev1.Service
	// Reports are what the agents said last, by pod name.
	Reports map[string]report.Report
	// ForeignAccount tells that the service account exists and is not the instance's own.
	ForeignAccount bool
}

// Accepted tells whether a member has the configuration with this hash in force.
func (l Live) Accepted(hash string) bool {
	for _, r := range l.Reports {
		if r.Accepted(hash) {
			return true
		}
	}
	return false
}

// Look reads what exists of an instance: its PetSet, configuration, credentials, Service, reports and account.
func Look(ctx context.Context, r database.Reader, s Subject, spec database.Spec, account string) (Live, error) {
	var live Live
	var err error
	if live.PetSet, err = get(ctx, r, s.key(s.Name()), &petsetv1.PetSet{}); err != nil {
		return live, err
	}
	if live.Config, err = get(ctx, r, s.key(naming.ConfigSecret(s.Name(), string(s.Object.GetUID()))), &corev1.Secret{}); err != nil {
		return live, err
	}
	if live.Service, err = get(ctx, r, s.key(s.Name()), &corev1.Service{}); err != nil {
		return live, err
	}
	if live.Auth, err = s.auth(ctx, r, spec); err != nil {
		return live, err
	}
	sa, err := get(ctx, r, s.key(account), &corev1.ServiceAccount{})
	if err != nil {
		return live, err
	}
	live.ForeignAccount = sa != nil && !s.Owns(sa.Labels)
	live.Reports, err = s.reports(ctx, r)
	return live, err
}

// Owns tells whether labels say that the object belongs to the instance.
func (s Subject) Owns(labels map[string]string) bool {
	for k, v := range s.Selector() {
		if labels[k] != v {
			return false
		}
	}
	return true
}

func (s Subject) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.Namespace(), Name: name}
}

func (s Subject) auth(ctx context.Context, r database.Reader, spec database.Spec) (*corev1.Secret, error) {
	name := spec.AuthSecretName(naming.AuthSecret(s.Name()))
	secret, err := get(ctx, r, s.key(name), &corev1.Secret{})
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, database.WaitFor("Secret %s: not found; it holds the credentials of the administrator", s.key(name))
	}
	for _, key := range []string{naming.AuthUsername, naming.AuthPassword} {
		if len(secret.Data[key]) == 0 {
			return nil, database.WaitFor("key %q in Secret %s: it is absent or empty", key, s.key(name))
		}
	}
	return secret, nil
}

func (s Subject) reports(ctx context.Context, r database.Reader) (map[string]report.Report, error) {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(s.Namespace()), client.MatchingLabels(s.Selector())); err != nil {
		return nil, fmt.Errorf("list the pods of %s %s/%s: %w", s.Info.Kind, s.Namespace(), s.Name(), err)
	}
	reports := map[string]report.Report{}
	for i := range pods.Items {
		if rep, err := report.Parse(pods.Items[i].Annotations); err == nil { // a report that cannot be read says nothing
			reports[pods.Items[i].Name] = rep
		}
	}
	return maps.Clone(reports), nil
}

// get returns the object, nil if it does not exist.
func get[T client.Object](ctx context.Context, r database.Reader, key client.ObjectKey, into T) (T, error) {
	var none T
	err := r.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("read %T %s: %w", into, key, err)
	}
	return into, nil
}
