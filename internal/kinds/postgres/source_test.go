package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// replicaOf is a remote replica of the server behind an AppBinding.
func replicaOf(ns, source string) *kubedbv1.Postgres {
	pg := valid(ns)
	pg.Spec.RemoteReplica = &kubedbv1.RemoteReplica{SourceRef: corev1.ObjectReference{Name: source, Namespace: ns}}
	return pg
}

// bind makes an AppBinding, as people write it for a server elsewhere, and its Secret.
func bind(t *testing.T, ns, name, version, sslmode string) {
	t.Helper()
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Data: map[string][]byte{"username": []byte("copier"), "password": []byte("copy")}})
	binding := &appcatalogv1alpha1.AppBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	binding.Spec.Type, binding.Spec.Version = appcatalogv1alpha1.AppTypePostgres, version
	binding.Spec.Secret = &sharedv1.SecretReference{Name: name}
	binding.Spec.ClientConfig.Service = &appcatalogv1alpha1.ServiceReference{
		Scheme: "postgresql", Name: "192.0.2.1", Port: 5433, Path: "/", Query: "sslmode=" + sslmode}
	create(t, binding)
}

func TestValidateARemoteReplica(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	bind(t, ns, "good", "15.3", "disable")
	bind(t, ns, "unknown", "", "prefer")
	bind(t, ns, "tls", "15.3", "require")
	bind(t, ns, "newer", "17.4", "disable")
	for _, test := range []struct {
		reason, source string
		change         func(*kubedbv1.PostgresSpec)
		problem, warns string
	}{
		{"all is well", "good", nil, "", ""},
		{"a source that does not say its version", "unknown", nil, "", ""},
		{"a source that is not there yet", "later", nil, "", "AppBinding " + ns + "/later: not found"},
		{"no name", "", nil, "name the AppBinding", ""},
		{"a source that asks for TLS", "tls", nil, "sslmode=require", ""},
		{"a source of another version", "newer", nil, "the same major version", ""},
		{"what is to be initialised", "good", func(s *kubedbv1.PostgresSpec) { s.Init = &sharedv1.InitSpec{} }, "", "spec.init has no effect"},
		{"slots on a server that answers nobody", "good", func(s *kubedbv1.PostgresSpec) {
			s.Replicas, s.StandbyMode = ptr.To[int32](2), kubedbv1.StandbyModeWarm
			s.Replication = &kubedbv1.Replication{WALLimitPolicy: kubedbv1.WALLimitPolicyReplicationSlot, MaxSlotWALKeepSize: ptr.To[int32](64)}
		}, "only with spec.standbyMode Hot", ""},
		{"the mode alone", "good", func(s *kubedbv1.PostgresSpec) {
			s.RemoteReplica, s.Mode = nil, kubedbv1.PostgresModeRemoteReplica
		}, "spec.mode RemoteReplica needs spec.remoteReplica", ""},
	} {
		pg := replicaOf(ns, test.source)
		if test.change != nil {
			test.change(&pg.Spec)
		}
		warnings, problems := New("agent:1").Validate(t.Context(), env.Client, nil, instance{pg})
		said := fmt.Sprint(problems.ToAggregate())
		if (test.problem != "") != (len(problems) > 0) || !strings.Contains(said, test.problem) {
			t.Errorf("%s: the problems are %s, want %q", test.reason, said, test.problem)
		}
		if got := strings.Join(warnings, "\n"); !strings.Contains(got, test.warns) || test.warns == "" && got != "" {
			t.Errorf("%s: the warnings are %q, want %q", test.reason, got, test.warns)
		}
	}
}

func TestTheReferenceToASourceCanOnlyBeRemoved(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	bind(t, ns, "good", "15.3", "disable")
	bind(t, ns, "other", "15.3", "disable")
	own, replica := valid(ns), replicaOf(ns, "good")
	for _, change := range [][2]*kubedbv1.Postgres{{own, replica}, {replica, replicaOf(ns, "other")}} {
		if _, problems := New("").Validate(t.Context(), env.Client, instance{change[0]}, instance{change[1]}); len(problems) != 1 {
			t.Errorf("the change of the reference gives %v", problems)
		}
	}
	warnings, problems := New("").Validate(t.Context(), env.Client, instance{replica}, instance{own})
	if len(problems) != 0 || len(warnings) != 1 || !strings.Contains(warnings[0], "then pg-0 becomes primary") {
		t.Errorf("removing the reference gives %v %v", warnings, problems)
	}
}

func TestClientsAreLedToStandbysUntilTheReplicaIsPromoted(t *testing.T) {
	t.Parallel()
	following := input(func(g *gathered) {
		g.live.Reports = map[string]report.Report{"pg-0": {Source: "far/away"}}
	})
	for role, g := range map[string]gathered{naming.RoleStandby: following, naming.RolePrimary: input()} {
		d, err := New("agent:1").Build(g)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Services[0].Spec.Selector[naming.LabelRole]; got != role {
			t.Errorf("clients are led to the role %q, want %q", got, role)
		}
	}
}

// TestARemoteReplicaWaitsForItsSourceAndForTheSourcesPassword: first for the AppBinding's sake, then for that of the
// Secret, which nobody makes: a generated password would be nobody's.
func TestARemoteReplicaWaitsForItsSourceAndForTheSourcesPassword(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	run(t, ns)
	pg := replicaOf(ns, "elsewhere")
	create(t, pg)
	says := func(words string) {
		t.Helper()
		testenv.Eventually(t, func(ctx context.Context) error {
			if err := env.Client.Get(ctx, client.ObjectKeyFromObject(pg), pg); err != nil {
				return err
			}
			c := kube.FindCondition(pg.Status.Conditions, sharedv1.ConditionDatabaseDependencyReady)
			if c == nil || !strings.Contains(c.Message, words) {
				return fmt.Errorf("want a condition that says %q, have %+v", words, pg.Status.Conditions)
			}
			return nil
		})
	}
	says("Secret " + ns + "/pg-auth: not found")
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pg-auth"}, Data: map[string][]byte{"username": []byte("postgres"), "password": []byte("theirs")}})
	says("AppBinding " + ns + "/elsewhere: not found")
	if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "pg-0"}, &corev1.Pod{}); !apierrors.IsNotFound(err) {
		t.Errorf("there is a pod already: %v", err)
	}
	bind(t, ns, "elsewhere", "15.3", "disable")
	pod, secret := &corev1.Pod{}, &corev1.Secret{}
	eventually(t, ns, "pg-0", pod)
	eventually(t, ns, "pg-source", secret)
	if string(secret.Data["host"]) != "192.0.2.1" || string(secret.Data["port"]) != "5433" || string(secret.Data["username"]) != "copier" {
		t.Errorf("the agents are told %q", secret.Data)
	}
	named := false
	for _, e := range pod.Spec.Containers[0].Env {
		named = named || e.Name == naming.EnvSourceSecret && e.Value == "pg-source"
	}
	if !named {
		t.Error("the pod does not know that it is a replica")
	}
}
