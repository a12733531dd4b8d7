package provision

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// ensureAuth makes sure that the administrator's credentials exist and that the spec names them. A Secret that exists
// is adopted unless it is another instance's; one that is managed externally is only read.
func (r *Reconciler) ensureAuth(ctx context.Context, s *scope) (bool, kube.Outcome) {
	auth := s.in.Spec().Auth
	if auth != nil && auth.APIGroup == sharedv1.VirtualSecretGroup {
		return s.dependencyMissing(&database.Waiting{What: fmt.Sprintf(
			"spec.authSecret: Secrets of %s are not supported; name a Secret of Kubernetes", sharedv1.VirtualSecretGroup)})
	}
	if auth != nil && auth.ExternallyManaged {
		return true, kube.Done() // whether it is there and complete is found out by the kind's Gather
	}
	key := client.ObjectKey{Namespace: s.Namespace(), Name: s.in.Spec().AuthSecretName(naming.AuthSecret(s.Name()))}
	secret := &corev1.Secret{}
	err := s.reading.Get(ctx, key, secret)
	switch {
	case apierrors.IsNotFound(err) && s.in.Spec().AuthGiven:
		return s.dependencyMissing(&database.Waiting{What: fmt.Sprintf("Secret %s: not found; the users and passwords of %s come from its source: "+
			"create the Secret with the credentials of the source's administrator", key, s.title())})
	case apierrors.IsNotFound(err):
		secret, err = r.createAuth(ctx, s, key)
	case err == nil:
		err = r.adopt(ctx, s, secret)
	}
	if err == nil {
		err = r.recordAuth(ctx, s, secret)
	}
	if missing, ok := dependency(err); ok {
		return s.dependencyMissing(missing)
	}
	if err != nil {
		return false, kube.Failed(fmt.Errorf("provide the credentials of %s: %w", s.title(), err))
	}
	return true, kube.Done()
}

func (r *Reconciler) createAuth(ctx context.Context, s *scope, key client.ObjectKey) (*corev1.Secret, error) {
	password, err := generatePassword()
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{
		ObjectMeta: s.Meta(key.Name),
		Type:       corev1.SecretTypeBasicAuth,
		Data:       map[string][]byte{naming.AuthUsername: []byte(s.Info.AdminUser), naming.AuthPassword: []byte(password)},
	}
	secret.Annotations = map[string]string{naming.AnnotationAuthFrom: r.now().UTC().Format(time.RFC3339)}
	if err := r.client.Create(ctx, secret, client.FieldOwner(naming.FieldOwner)); err != nil {
		return nil, fmt.Errorf("create Secret %s: %w", key, err)
	}
	return secret, nil
}

// adopt puts our labels on a Secret that was there before, unless they say that it is somebody else's.
func (r *Reconciler) adopt(ctx context.Context, s *scope, secret *corev1.Secret) error {
	if owner, foreign := otherOwner(s, secret.Labels); foreign {
		return database.WaitFor("Secret %s/%s: it belongs to %s; name another one in spec.authSecret",
			secret.Namespace, secret.Name, owner)
	}
	want := secret.DeepCopy()
	want.Labels = maps.Clone(s.Labels())
	for k, v := range secret.Labels {
		if _, ours := want.Labels[k]; !ours {
			want.Labels[k] = v
		}
	}
	if want.Annotations == nil {
		want.Annotations = map[string]string{}
	}
	if want.Annotations[naming.AnnotationAuthFrom] == "" {
		want.Annotations[naming.AnnotationAuthFrom] = secret.CreationTimestamp.UTC().Format(time.RFC3339)
	}
	if maps.Equal(want.Labels, secret.Labels) && maps.Equal(want.Annotations, secret.Annotations) {
		return nil
	}
	if err := r.client.Patch(ctx, want, client.MergeFrom(secret), client.FieldOwner(naming.FieldOwner)); err != nil {
		return fmt.Errorf("adopt Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	*secret = *want
	return nil
}

// otherOwner tells from the labels whether a Secret belongs to another instance, and to which.
func otherOwner(s *scope, labels map[string]string) (string, bool) {
	name, instance := labels[naming.LabelName], labels[naming.LabelInstance]
	if (name == "" || name == s.Info.Name) && (instance == "" || instance == s.Name()) {
		return "", false
	}
	return strings.TrimSpace(name + " " + instance), true
}

// recordAuth writes into the spec which Secret is used and since when.
func (r *Reconciler) recordAuth(ctx context.Context, s *scope, secret *corev1.Secret) error {
	have := s.in.Spec().Auth
	if have != nil && have.Name != "" && have.ActiveFrom != nil {
		return nil
	}
	from, err := time.Parse(time.RFC3339, secret.Annotations[naming.AnnotationAuthFrom])
	if err != nil {
		from = secret.CreationTimestamp.Time
	}
	want := sharedv1.AuthSecret{Kind: "Secret", Name: secret.Name, ActiveFrom: &metav1.Time{Time: from}}
	if err := patchSpec(ctx, r.client, s.in.Object(), map[string]any{"authSecret": want}); err != nil {
		return fmt.Errorf("record Secret %s in spec.authSecret: %w", secret.Name, err)
	}
	s.refresh(r.kind)
	return nil
}

const (
	passwordLength = 16
	lower          = "abcdefghijklmnopqrstuvwxyz"
	upper          = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits         = "0123456789"
)

// generatePassword returns 16 random characters with at least one lower-case letter, upper-case letter and digit. It
// has no other characters, so that it needs no quoting in any of the servers' files.
func generatePassword() (string, error) {
	for {
		var b strings.Builder
		for range passwordLength {
			n, err := rand.Int(rand.Reader, big.NewInt(int64(len(lower+upper+digits))))
			if err != nil {
				return "", fmt.Errorf("generate a password: %w", err)
			}
			b.WriteByte((lower + upper + digits)[n.Int64()])
		}
		password := b.String()
		if strings.ContainsAny(password, lower) && strings.ContainsAny(password, upper) && strings.ContainsAny(password, digits) {
			return password, nil
		}
	}
}
