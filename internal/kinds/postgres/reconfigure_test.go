package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

func TestReconfigure(t *testing.T) {
	t.Parallel()
	configured := func(secret, inline string) *kubedbv1.PostgresConfiguration {
		c := &kubedbv1.PostgresConfiguration{}
		c.SecretName = secret
		if inline != "" {
			c.Inline = map[string]string{"user.conf": inline}
		}
		return c
	}
	apply := func(text string) map[string]string { return map[string]string{"user.conf": text} }
	tuned := configured("", "")
	tuned.Tuning = &kubedbv1.Tuning{Profile: kubedbv1.TuningProfileOLTP}
	for _, test := range []struct {
		reason string
		have   *kubedbv1.PostgresConfiguration
		change database.ConfigChange
		want   *kubedbv1.PostgresConfiguration
	}{
		{"the first settings", nil, database.ConfigChange{Apply: apply("work_mem=8MB")}, configured("", "work_mem = 8MB\n")},
		{"a later value replaces an earlier one in its place", configured("", "a.b=1\nwork_mem=4MB\nc.d=2"),
			database.ConfigChange{Apply: apply("WORK_MEM = 8MB\ne.f=3")}, configured("", "a.b = 1\nWORK_MEM = 8MB\nc.d = 2\ne.f = 3\n")},
		{"another Secret", configured("old", "a.b = 1\n"), database.ConfigChange{SecretName: "new"}, configured("new", "a.b = 1\n")},
		{"everything away", configured("old", "a.b = 1\n"), database.ConfigChange{Remove: true}, nil},
		{"everything away and something new", configured("old", "a.b = 1\n"),
			database.ConfigChange{Remove: true, Apply: apply("c.d = 1")}, configured("", "c.d = 1\n")},
		{"tuning", nil, database.ConfigChange{Section: &opsv1alpha1.PostgresReconfigurationSpec{Tuning: tuned.Tuning}}, tuned},
		{"no section of its own", nil, database.ConfigChange{SecretName: "new", Section: (*opsv1alpha1.PostgresReconfigurationSpec)(nil)}, configured("new", "")},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			pg := &kubedbv1.Postgres{}
			pg.Spec.Configuration = test.have
			before := pg.DeepCopy()
			out, err := Kind{}.Reconfigure(instance{pg}, test.change)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, of(out).Spec.Configuration); diff != "" {
				t.Errorf("spec.configuration (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, pg); diff != "" {
				t.Errorf("the original was changed:\n%s", diff)
			}
		})
	}
}

func TestReconfigureRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]map[string]string{
		"another file":    {"postgresql.conf": "a = 1"},
		"nothing":         nil,
		"a name twice":    {"user.conf": "work_mem = 1MB\nwork_mem = 2MB"},
		"unreadable text": {"user.conf": "= 1"},
	} {
		if _, err := (Kind{}).Reconfigure(instance{&kubedbv1.Postgres{}}, database.ConfigChange{Apply: change}); err == nil {
			t.Errorf("%s was accepted", reason)
		}
	}
}

func TestRemovingTheConfigurationCanNotWaitForARestart(t *testing.T) {
	t.Parallel()
	section := &opsv1alpha1.PostgresReconfigurationSpec{}
	section.Restart = opsv1alpha1.ReconfigureRestartFalse
	_, err := Kind{}.Reconfigure(instance{&kubedbv1.Postgres{}}, database.ConfigChange{Remove: true, Section: section})
	if err == nil || !strings.Contains(err.Error(), "restart: false") {
		t.Errorf("got %v", err)
	}
}

func TestWhatARequestCanNotHaveIsFoundByName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"listen_addresses = 'localhost'":      "listen_addresses",
		"port = 5433":                         "port",
		"data_directory = '/x'":               "data_directory",
		"hba_file = '/x'":                     "hba_file",
		"logging_collector = on":              "logging_collector",
		"unix_socket_directories = '/x'":      "unix_socket_directories",
		"wal_log_hints = off":                 "wal_log_hints",
		"shared_buffers = 512MB":              "the server's container has only 256MB of memory",
		"shared_buffers = 1TB":                "shared_buffers",
		"max_connection = 5":                  "did you mean max_connections?",
		"work_mem = 1MB\nwork_mem = 2MB":      "is set twice, here and in line 1",
		strings.Repeat("# padding\n", 200000): "at most 192 KiB",
	} {
		g := input()
		g.pg = g.pg.DeepCopy()
		g.pg.Spec.PodTemplate = &sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{Containers: []corev1.Container{{
			Name: "postgres", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}},
		}}}}
		g.pg.Spec.Configuration = &kubedbv1.PostgresConfiguration{}
		g.pg.Spec.Configuration.Inline = map[string]string{"user.conf": text}
		if err := (Kind{}).Check(g).Asked().Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %q", text, err, want)
		}
		g.pg.Spec.Configuration.Inline["user.conf"] = "shared_buffers = 128MB\nport = 5432\nlisten_addresses = '*'\n"
		if err := (Kind{}).Check(g).Asked().Err(); err != nil {
			t.Errorf("what is so anyway is refused: %v", err)
		}
	}
}

func TestTheOldFormOfNamingTheSecretIsFoldedIntoTheNewOne(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ old, new, want string }{{"a", "", "a"}, {"a", "b", "b"}, {"", "b", "b"}} {
		pg := &kubedbv1.Postgres{}
		if test.old != "" {
			pg.Spec.ConfigSecret = &corev1.LocalObjectReference{Name: test.old}
		}
		if test.new != "" {
			pg.Spec.Configuration = &kubedbv1.PostgresConfiguration{ConfigurationSpec: sharedv1.ConfigurationSpec{SecretName: test.new}}
		}
		Kind{}.Default(instance{pg})
		if pg.Spec.ConfigSecret != nil || pg.Spec.Configuration.SecretName != test.want {
			t.Errorf("configSecret %q and configuration %q became %+v", test.old, test.new, pg.Spec.Configuration)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	files := func(conf, hba string) map[string][]byte {
		return map[string][]byte{"postgresql.conf": []byte(conf), "pg_hba.conf": []byte(hba)}
	}
	for _, test := range []struct {
		reason        string
		before, after map[string][]byte
		want          []database.ParameterChange
	}{
		{"nothing", files("work_mem = 4MB", "a"), files("work_mem = 4096kB", "a"), nil},
		{"a reload", files("work_mem = 4MB", "a"), files("work_mem = 8MB", "a"),
			[]database.ParameterChange{{File: "postgresql.conf", Name: "work_mem", Old: "4MB", New: "8MB"}}},
		{"a restart", files("", "a"), files("max_connections = 300", "a"),
			[]database.ParameterChange{{File: "postgresql.conf", Name: "max_connections", New: "300", Restart: true,
				Order: database.StandbysFirst}}},
		{"less than before", files("max_connections = 300", "a"), files("max_wal_senders = 10", "a"),
			[]database.ParameterChange{{File: "postgresql.conf", Name: "max_connections", Old: "300", Restart: true,
				Order: database.PrimaryFirst}}},
		{"who may log in", files("", "a"), files("", "b"), []database.ParameterChange{{File: "pg_hba.conf", Name: "pg_hba.conf"}}},
		{"what cannot be read", files("= 1", "a"), files("work_mem = 8MB", "a"),
			[]database.ParameterChange{{File: "postgresql.conf", Name: "postgresql.conf", Restart: true}}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Kind{}.Compare(input(), test.before, test.after)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	g := input(func(g *gathered) { g.secretText = "port = 1\nfsync = off" })
	problems := Kind{}.Check(g)
	if problems.Err() != nil || len(problems.Warnings()) != 2 {
		t.Errorf("problems are %v", problems)
	}
	g = input(func(g *gathered) { g.secretText = "nonsense = 1" }, spec(func(s *kubedbv1.PostgresSpec) { s.Replicas = ptr.To[int32](2) }))
	if err := (Kind{}).Check(g).Err(); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("an unknown parameter gave %v", err)
	}
}
