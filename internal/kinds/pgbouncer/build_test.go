package pgbouncer

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/golden"
)

// sample is what Gather would have found of a PgBouncer in front of a Postgres in another namespace.
func sample(changes ...func(*kubedbv1.PgBouncer)) gathered {
	bouncer := &kubedbv1.PgBouncer{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "demo", Name: "pb", UID: "11111111-2222-3333-4444-555555abcdef", Labels: map[string]string{"team": "blue"},
		},
		Spec: kubedbv1.PgBouncerSpec{
			Version: "1.18.0", Replicas: ptr.To[int32](2),
			Database: kubedbv1.PgBouncerDatabase{
				DatabaseName: "app", SyncUsers: true, DatabaseRef: appcatalogv1alpha1.AppReference{Name: "pg", Namespace: "data"},
			},
		},
	}
	for _, change := range changes {
		change(bouncer)
	}
	in := instance{bouncer}
	Kind{}.Default(in)
	return gathered{
		Facts: pooler.Facts{
			Subject: blocks.For(Kind{}.Info(), in), Spec: in.Spec(), Wishes: wishes(bouncer),
			Server: backend.Server{
				Namespace: "data", Name: "pg", Host: "pg.data.svc", Port: 5432, SSLMode: "disable",
				Admin: backend.User{Name: "postgres", Password: "s3cret"},
			},
			Users: map[string]string{"postgres": "s3cret", "alice": "wonder"},
			Live: blocks.Live{Auth: &corev1.Secret{Data: map[string][]byte{
				"username": []byte("pgbouncer"), "password": []byte("adm1n"),
			}}},
		},
		bouncer: bouncer,
		version: &catalogv1alpha1.PgBouncerVersion{Spec: catalogv1alpha1.PgBouncerVersionSpec{
			Version:         "1.18.0",
			PgBouncer:       catalogv1alpha1.Image{Image: "example.org/pgbouncer:1.18.0"},
			Exporter:        catalogv1alpha1.Image{Image: "example.org/pgbouncer_exporter:1"},
			GitSyncer:       catalogv1alpha1.Image{Image: "example.org/git-sync:4"},
			SecurityContext: catalogv1alpha1.SecurityContext{RunAsUser: ptr.To[int64](101)},
		}},
		secrets: userSecrets{"postgres": "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy", "alice": "md50123456789abcdef0123456789abcdef"},
	}
}

func TestBuildRendersAllObjects(t *testing.T) {
	t.Parallel()
	for name, g := range map[string]gathered{
		"plain": sample(),
		"full": sample(func(b *kubedbv1.PgBouncer) {
			b.Spec.Replicas = ptr.To[int32](1)
			b.Spec.ConnectionPool = &kubedbv1.ConnectionPool{Port: ptr.To[int32](6432), PoolMode: kubedbv1.PoolModeTransaction}
			b.Spec.AuthSecret = &sharedv1.AuthSecret{Name: "mine", Kind: "Secret"}
			b.Spec.Init = &sharedv1.InitSpec{Initialized: true, Script: &sharedv1.ScriptSource{ScriptPath: "sync-test", Git: &sharedv1.GitSource{
				Args: []string{"--repo=https://example.com/herd.git", "--depth=1", "--add-user=true", "--one-time"}, SecurityContext: &corev1.SecurityContext{RunAsUser: ptr.To[int64](999)},
			}}}
			b.Spec.Monitor = &sharedv1.MonitoringSpec{Agent: sharedv1.MonitoringAgentPrometheusBuiltin}
			b.Spec.ServiceTemplates = []sharedv1.NamedServiceTemplateSpec{{
				Alias:               sharedv1.ServiceAliasPrimary,
				ServiceTemplateSpec: sharedv1.ServiceTemplateSpec{Spec: sharedv1.ServiceSpec{Type: corev1.ServiceTypeNodePort}},
			}}
			b.Spec.PodTemplate = &sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{
				ServiceAccountName: "theirs", TerminationGracePeriodSeconds: ptr.To[int64](120),
				Containers: []corev1.Container{{Name: "pgbouncer", Env: []corev1.EnvVar{{Name: "TZ", Value: "UTC"}}}},
			}}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := New("example.org/agent:1").Build(g)
			if err != nil {
				t.Fatal(err)
			}
			golden.Desired(t, "build-"+name+".yaml", d)
			again, err := New("example.org/agent:1").Build(g)
			if err != nil {
				t.Fatal(err)
			}
			golden.Desired(t, "build-"+name+".yaml", again) // no chance, no order of maps
		})
	}
}

func TestTwoAdministratorsOfOneNameNeedOnePassword(t *testing.T) {
	t.Parallel()
	same := func(password string) gathered {
		g := sample()
		g.Live.Auth.Data = map[string][]byte{"username": []byte("postgres"), "password": []byte(password)}
		return g
	}
	all, err := same("s3cret").everyone()
	if err != nil {
		t.Fatal(err)
	}
	if got := all["postgres"]; got != sample().secrets["postgres"] {
		t.Errorf("the secret is %s, want PostgreSQL's verifier, or SCRAM cannot be passed on", got)
	}
	if _, err := same("other").everyone(); err == nil || !strings.Contains(err.Error(), `Secret pb-auth names the user "postgres"`) {
		t.Errorf("got %v, want an error that names the Secret", err)
	}
	unknown := same("s3cret")
	unknown.secrets = userSecrets{}
	if all, err = unknown.everyone(); err != nil || !strings.HasPrefix(all["postgres"], "SCRAM-SHA-256$4096:") {
		t.Errorf("got %v, %v, want a verifier of our own while PostgreSQL's is not known", all, err)
	}
}

func TestAMistakeOfTheUserIsUnusableAndSaysWhere(t *testing.T) {
	t.Parallel()
	g := sample()
	g.Custom.Inline = "[pgbouncer]\npool_mod = session\n"
	if _, err := New("").Build(g); err == nil || !strings.Contains(err.Error(), "PgBouncer demo/pb") ||
		!strings.Contains(err.Error(), "did you mean pool_mode?") {
		t.Errorf("got %v", err)
	}
}

func TestAUserThatTheUserlistCannotExpressIsNamedWithTheSecret(t *testing.T) {
	t.Parallel()
	g := sample()
	g.From = map[string]string{"alice": "data/alice", "odd\nname": "data/odd", "later": "data/later"}
	g.secrets["odd\nname"] = "md5x"
	d, err := New("example.org/agent:1").Build(g)
	if err != nil || len(d.LeftOut) != 1 || !strings.Contains(d.LeftOut[0], "Secret data/odd: user \"odd\\nname\": PgBouncer cannot express a line break") {
		t.Errorf("left out are %q (%v)", d.LeftOut, err)
	}
}
