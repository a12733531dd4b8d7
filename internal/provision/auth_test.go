package provision

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestAGeneratedPasswordHasEveryClassOfCharacters(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		password, err := generatePassword()
		if err != nil {
			t.Fatal(err)
		}
		if len(password) != passwordLength || !strings.ContainsAny(password, lower) ||
			!strings.ContainsAny(password, upper) || !strings.ContainsAny(password, digits) {
			t.Errorf("password %q lacks something", password)
		}
		if strings.Trim(password, lower+upper+digits) != "" {
			t.Errorf("password %q would need quoting", password)
		}
		seen[password] = true
	}
	if len(seen) != 200 {
		t.Error("passwords repeat")
	}
}

func TestCredentialsAreGeneratedAndRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create()
	secret := &corev1.Secret{}
	w.exists(secret, "db-auth")
	w.eventually(func() error {
		auth := w.instance().Spec.AuthSecret
		if auth == nil || auth.ActiveFrom == nil {
			return errNotYet
		}
		if auth.Name != "db-auth" || auth.Kind != "Secret" || auth.ActiveFrom.UTC().Format(time.RFC3339) != secret.Annotations[naming.AnnotationAuthFrom] {
			t.Errorf("spec.authSecret is %+v, the annotation %s", auth, secret.Annotations[naming.AnnotationAuthFrom])
		}
		return nil
	})
	if secret.Type != corev1.SecretTypeBasicAuth || string(secret.Data["username"]) != "admin" || len(secret.Data["password"]) != passwordLength {
		t.Errorf("the Secret is %s with %q", secret.Type, secret.Data["username"])
	}
	if len(secret.OwnerReferences) > 0 {
		t.Error("the Secret has an owner, so a deletion in the foreground would take it along")
	}
}

func TestANamedSecretIsAdoptedAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make(w.credentials("mine", map[string]string{"team": "a"}))
	w.kubelet.Serve(t)
	w.create(named("mine"))
	w.becomes(sharedv1.PhaseReady)
	secret := &corev1.Secret{}
	w.exists(secret, "mine")
	if string(secret.Data["password"]) != "secret" || secret.Labels["team"] != "a" || secret.Labels[naming.LabelInstance] != "db" {
		t.Errorf("the Secret became %v %v", secret.Labels, secret.Data)
	}
}

func TestASecretOfAnotherInstanceIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make(w.credentials("theirs", naming.Selector(naming.NamePostgres, "pg")))
	w.create(named("theirs"))
	w.says(sharedv1.ConditionDatabaseDependencyReady, metav1.ConditionFalse, sharedv1.ReasonFailedToEnsureDependency)
	if c := w.condition(sharedv1.ConditionDatabaseDependencyReady); !strings.Contains(c.Message, naming.NamePostgres) {
		t.Errorf("the message does not say whose it is: %s", c.Message)
	}
}

func TestAnExternallyManagedSecretIsOnlyRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(named("vault"), policy(sharedv1.DeletionPolicyWipeOut), func(p *pgBouncer) { p.Spec.AuthSecret.ExternallyManaged = true })
	w.says(sharedv1.ConditionDatabaseDependencyReady, metav1.ConditionFalse, sharedv1.ReasonFailedToEnsureDependency)
	w.make(w.credentials("vault", nil))
	w.becomes(sharedv1.PhaseReady)
	secret := &corev1.Secret{}
	w.exists(secret, "vault")
	if len(secret.Labels)+len(secret.Annotations) > 0 {
		t.Errorf("the Secret was touched: %+v", secret.ObjectMeta)
	}
	w.delete()
	w.goes(&pgBouncer{}, "db")
	w.stays(true, &corev1.Secret{}, "vault")
}

func named(secret string) option {
	return func(p *pgBouncer) { p.Spec.AuthSecret = &sharedv1.AuthSecret{Kind: "Secret", Name: secret} }
}

func (w *world) credentials(name string, labels map[string]string) client.Object {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name, Labels: labels},
		Data:       map[string][]byte{"username": []byte("me"), "password": []byte("secret")},
	}
}
