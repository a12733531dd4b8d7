package pgpool

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/golden"
)

// sample is what Gather would have found of a Pgpool in front of a Postgres with standbys in another namespace.
func sample(changes ...func(*kubedbv1alpha2.Pgpool)) gathered {
	pool := &kubedbv1alpha2.Pgpool{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "demo", Name: "pp", UID: "11111111-2222-3333-4444-555555abcdef", Labels: map[string]string{"team": "blue"},
		},
		Spec: kubedbv1alpha2.PgpoolSpec{
			Version: "4.3.5", Replicas: ptr.To[int32](2), SyncUsers: true,
			PostgresRef: sharedv1.ObjectReference{Name: "pg", Namespace: "data"},
		},
	}
	for _, change := range changes {
		change(pool)
	}
	in := instance{pool}
	Kind{}.Default(in)
	g := gathered{
		Facts: pooler.Facts{
			Subject: blocks.For(Kind{}.Info(), in), Spec: in.Spec(), Wishes: wishes(pool),
			Server: backend.Server{
				Namespace: "data", Name: "pg", Host: "pg.data.svc", Port: 5432, StandbyHost: "pg-standby.data.svc", SSLMode: "disable",
				Admin: backend.User{Name: "postgres", Password: "s3cret"},
			},
			Users: map[string]string{"postgres": "s3cret", "alice": "won:der"},
			Live: blocks.Live{Auth: &corev1.Secret{Data: map[string][]byte{
				"username": []byte("pcp"), "password": []byte("adm1n"),
			}}},
		},
		pool: pool,
		version: &catalogv1alpha1.PgpoolVersion{Spec: catalogv1alpha1.PgpoolVersionSpec{
			Version:         "4.3.5",
			Pgpool:          catalogv1alpha1.Image{Image: "example.org/pgpool:4.3.5"},
			Exporter:        catalogv1alpha1.Image{Image: "example.org/pgpool2_exporter:1"},
			SecurityContext: catalogv1alpha1.SecurityContext{RunAsUser: ptr.To[int64](102)},
		}},
	}
	var err error
	if g.backends, err = backends(pool.Spec.Configuration, g.Server); err != nil {
		panic(err)
	}
	return g
}

func TestBuildRendersAllObjects(t *testing.T) {
	t.Parallel()
	for name, g := range map[string]gathered{
		"plain": sample(),
		"full": sample(func(p *kubedbv1alpha2.Pgpool) {
			p.Spec.Replicas = ptr.To[int32](1)
			p.Spec.ClientAuthMode = sharedv1.ClientAuthModeScram
			p.Spec.AuthSecret = &sharedv1.AuthSecret{Name: "mine", Kind: "Secret"}
			p.Spec.Init = &sharedv1.InitSpec{Script: &sharedv1.ScriptSource{VolumeSource: corev1.VolumeSource{
				Secret: &corev1.SecretVolumeSource{SecretName: "scripts"},
			}}}
			p.Spec.Monitor = &sharedv1.MonitoringSpec{Agent: sharedv1.MonitoringAgentPrometheusOperator}
			p.Spec.PodTemplate = &sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{
				Containers: []corev1.Container{
					{Name: "pgpool", Env: []corev1.EnvVar{{Name: "ALICE_USERNAME", Value: "alice"}}},
					{Name: "sidecar", Image: "example.org/sidecar:1"},
				},
			}}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // no chance, no order of maps
				d, err := New("example.org/agent:1").Build(g)
				if err != nil {
					t.Fatal(err)
				}
				golden.Desired(t, "build-"+name+".yaml", d)
			}
		})
	}
}

func TestAMistakeOfTheUserIsUnusableAndSaysWhere(t *testing.T) {
	t.Parallel()
	g := sample()
	g.Custom.Secret = "num_init_childre = 5\n"
	if _, err := New("").Build(g); err == nil || !strings.Contains(err.Error(), "Pgpool demo/pp") ||
		!strings.Contains(err.Error(), "did you mean num_init_children?") {
		t.Errorf("got %v", err)
	}
	g = sample()
	g.Server.Admin.Password = "a\nb"
	if _, err := New("").Build(g); err == nil || !strings.Contains(err.Error(), `user "postgres": Pgpool cannot express a line feed`) {
		t.Errorf("got %v", err)
	}
}

func TestASettingThatIsGoneIsSpelledOutBecauseAReloadWouldKeepIt(t *testing.T) {
	t.Parallel()
	g := sample()
	g.Live.Config = &corev1.Secret{Data: map[string][]byte{ConfFile: []byte(
		"client_idle_limit_in_recovery = 7\nlog_statement = on\nnum_init_children = 32\n")}}
	d, err := New("").Build(g)
	if err != nil {
		t.Fatal(err)
	}
	text := string(d.Config.Data[ConfFile])
	for _, want := range []string{"client_idle_limit_in_recovery = 0\n", "log_statement = off\n", "num_init_children = 5\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the file lacks %q:\n%s", want, text)
		}
	}
	g.Live.Config = d.Config
	again, err := New("").Build(g)
	if err != nil {
		t.Fatal(err)
	}
	if string(again.Config.Data[ConfFile]) != text {
		t.Errorf("built again, the file is another one:\n%s", again.Config.Data[ConfFile])
	}
}
