package postgres

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

var update = flag.Bool("update", false, "write what Build renders into testdata instead of comparing it")

// option changes the input of Build.
type option func(*gathered)

// input is a Postgres with defaults as Gather finds it before anything exists.
func input(options ...option) gathered {
	pg := &kubedbv1.Postgres{ObjectMeta: metav1.ObjectMeta{
		Namespace: "demo", Name: "pg", UID: "0a1b2c3d-0000-0000-0000-0000004d5e6f",
		Labels: map[string]string{"team": "a", "app.kubernetes.io/part-of": "shop"},
	}}
	pg.Spec.Version = "15.18"
	pg.Spec.Storage = &corev1.PersistentVolumeClaimSpec{
		StorageClassName: ptr.To("standard"),
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceStorage: resource.MustParse("10Gi"),
		}},
	}
	g := gathered{
		pg: pg,
		version: &catalogv1alpha1.PostgresVersion{
			ObjectMeta: metav1.ObjectMeta{Name: "15.18"},
			Spec: catalogv1alpha1.PostgresVersionSpec{
				Version: "15.18", DB: catalogv1alpha1.PostgresImage{Image: "postgres:15.18"},
				Exporter:        catalogv1alpha1.Image{Image: "exporter:1"},
				SecurityContext: catalogv1alpha1.SecurityContext{RunAsUser: ptr.To[int64](999)},
			},
		},
		live: blocks.Live{Auth: &corev1.Secret{Data: map[string][]byte{"username": []byte("postgres"), "password": []byte("secret")}}},
	}
	for _, o := range options {
		o(&g)
	}
	in := instance{pg}
	Kind{}.Default(in)
	g.subject, g.spec = blocks.For(Kind{}.Info(), in), in.Spec()
	return g
}

func spec(change func(*kubedbv1.PostgresSpec)) option {
	return func(g *gathered) { change(&g.pg.Spec) }
}

// render writes the desired objects as one YAML text, in the order of the fields of Desired.
func render(t *testing.T, d database.Desired) string {
	t.Helper()
	var b strings.Builder
	add := func(title string, o any) {
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "--- # %s\n%s", title, text)
	}
	v := reflect.ValueOf(d)
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case field.IsZero() || field.Kind() == reflect.Int64:
		case name == "Config":
			secret := d.Config
			text := map[string]string{}
			for k, data := range secret.Data {
				text[k] = string(data)
			}
			add(name, map[string]any{"metadata": secret.ObjectMeta, "type": secret.Type, "stringData": text})
		case field.Kind() == reflect.Slice:
			for j := range field.Len() {
				o := field.Index(j).Interface().(client.Object)
				add(fmt.Sprintf("%s %T", name, o), o)
			}
		default:
			add(name, field.Interface())
		}
	}
	return b.String()
}

// TestBuild compares all objects of typical instances, whole, with the files in testdata.
func TestBuild(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]option{
		"standalone": nil,
		"cluster": {spec(func(s *kubedbv1.PostgresSpec) {
			s.Replicas = ptr.To[int32](3)
			s.StreamingMode = kubedbv1.StreamingModeSynchronous
			s.Configuration = &kubedbv1.PostgresConfiguration{
				ConfigurationSpec: sharedv1.ConfigurationSpec{Inline: map[string]string{"user.conf": "work_mem=16MB"}},
				Tuning:            &kubedbv1.Tuning{},
			}
		})},
		"replica": {
			func(g *gathered) {
				g.source = &backend.Server{Namespace: "far", Name: "away", Host: "192.0.2.1", Port: 5433, Admin: backend.User{Name: "copier", Password: "copy"}}
			},
			spec(func(s *kubedbv1.PostgresSpec) {
				s.Replicas = ptr.To[int32](2)
				s.Replication = &kubedbv1.Replication{WALLimitPolicy: kubedbv1.WALLimitPolicyReplicationSlot, MaxSlotWALKeepSize: ptr.To[int32](512)}
			}),
		},
		"git": {
			func(g *gathered) { g.version.Spec.GitSyncer.Image = "git-sync:4" },
			spec(func(s *kubedbv1.PostgresSpec) {
				s.Init = &sharedv1.InitSpec{Script: &sharedv1.ScriptSource{ScriptPath: "current", Git: &sharedv1.GitSource{
					Args:       []string{"--repo=git@example.com:scripts", "--link=current", "--root=/git", "--one-time"},
					Env:        []corev1.EnvVar{{Name: "GITSYNC_REF", Value: "v1"}, {Name: "MATRIARCH_LEASE", Value: "not mine"}},
					Resources:  corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}},
					AuthSecret: &corev1.LocalObjectReference{Name: "git-creds"},
				}}}
			}),
		},
		"readreplicas": {spec(func(s *kubedbv1.PostgresSpec) {
			s.Replicas, s.StandbyMode = ptr.To[int32](2), kubedbv1.StandbyModeWarm
			s.StreamingMode = kubedbv1.StreamingModeSynchronous
			s.SynchronousReplicationConfig = &kubedbv1.SynchronousReplication{UseWildcard: true}
			s.PodTemplate = template()
			s.ReadReplicas = readReplicas()
		})},
		"everything": {
			func(g *gathered) { g.secretText = "max_connections = 300\nlog_statement = 'ddl'\n" },
			spec(func(s *kubedbv1.PostgresSpec) {
				s.Replicas = ptr.To[int32](2)
				s.StandbyMode = kubedbv1.StandbyModeWarm
				s.StorageType = sharedv1.StorageTypeEphemeral
				s.ClientAuthMode = sharedv1.ClientAuthModeScram
				s.Init = &sharedv1.InitSpec{Script: &sharedv1.ScriptSource{VolumeSource: corev1.VolumeSource{
					ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "scripts"}}}}}
				s.Monitor = &sharedv1.MonitoringSpec{Agent: sharedv1.MonitoringAgentPrometheusOperator, Prometheus: &sharedv1.PrometheusSpec{
					ServiceMonitor: &sharedv1.ServiceMonitorSpec{Labels: map[string]string{"release": "prometheus"}, Interval: "10s"}}}
				s.ServiceTemplates = []sharedv1.NamedServiceTemplateSpec{{Alias: sharedv1.ServiceAliasPrimary,
					ServiceTemplateSpec: sharedv1.ServiceTemplateSpec{Spec: sharedv1.ServiceSpec{
						Type: corev1.ServiceTypeNodePort, Ports: []sharedv1.ServicePort{{Port: 5432, NodePort: 30432}}}}}}
				s.PodTemplate = template()
			}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := New("agent:1").Build(input(options...))
			if err != nil {
				t.Fatal(err)
			}
			for _, set := range append(d.PetSets, d.PetSet) { // it changes with everything that is compared anyway
				delete(set.Annotations, naming.AnnotationTemplateHash)
			}
			got, file := render(t, d), filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the objects differ from %s (-want +got); if that is intended, run this test with -update:\n%s", file, diff)
			}
		})
	}
}

// readReplicas is a group that says nothing and one that says everything.
func readReplicas() []kubedbv1.ReadReplica {
	return []kubedbv1.ReadReplica{{Name: "plain"}, {
		Name: "reports", Replicas: ptr.To[int32](3),
		Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
			corev1.ResourceMemory: resource.MustParse("1Gi"), corev1.ResourceCPU: resource.MustParse("1")}},
		NodeSelector:       map[string]string{"disk": "slow"},
		Tolerations:        []corev1.Toleration{{Key: "reports", Operator: corev1.TolerationOpExists}},
		StorageType:        sharedv1.StorageTypeEphemeral,
		PodPlacementPolicy: &corev1.LocalObjectReference{Name: "apart"},
		ServiceTemplate:    &sharedv1.ServiceTemplateSpec{Spec: sharedv1.ServiceSpec{Type: corev1.ServiceTypeNodePort}},
	}}
}

// template is a pod template that changes the server's container and adds a sidecar.
func template() *sharedv1.PodTemplateSpec {
	return &sharedv1.PodTemplateSpec{
		ObjectMeta: sharedv1.ObjectMeta{Labels: map[string]string{"pod": "label"}, Annotations: map[string]string{"pod": "annotation"}},
		Controller: sharedv1.ObjectMeta{Labels: map[string]string{"set": "label"}},
		Spec: sharedv1.PodSpec{
			ServiceAccountName: "mine",
			NodeSelector:       map[string]string{"disk": "fast"},
			Containers: []corev1.Container{
				{
					Name: "postgres", Env: []corev1.EnvVar{{Name: "MINE", Value: "1"}, {Name: "POD_NAME", Value: "not mine"}},
					Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
						corev1.ResourceMemory: resource.MustParse("2Gi"), corev1.ResourceCPU: resource.MustParse("2")}},
				},
				{Name: "pg-coordinator", Image: "ignored"},
				{Name: "sidecar", Image: "sidecar:1"},
			},
			Volumes: []corev1.Volume{blocks.EmptyVolume("extra")},
		},
	}
}

func TestOnlyAChangeOfTheTemplateBringsANewAgent(t *testing.T) {
	t.Parallel()
	first, err := New("agent:1").Build(input())
	if err != nil {
		t.Fatal(err)
	}
	live := func(g *gathered) { g.live.PetSet = first.PetSet }
	for _, test := range []struct {
		name   string
		option option
		want   string
	}{
		{"nothing changed", func(*gathered) {}, "agent:1"},
		{"more members", spec(func(s *kubedbv1.PostgresSpec) { s.Replicas = ptr.To[int32](3) }), "agent:1"},
		{"another configuration", func(g *gathered) { g.secretText = "work_mem = 8MB" }, "agent:1"},
		{"another template", spec(func(s *kubedbv1.PostgresSpec) { s.PodTemplate = template() }), "agent:2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, err := New("agent:2").Build(input(live, test.option))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.PetSet.Spec.Template.Spec.InitContainers[0].Image; got != test.want {
				t.Errorf("the agent's image is %s, want %s", got, test.want)
			}
		})
	}
}

func TestClaimTemplatesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	first, err := New("agent:1").Build(input())
	if err != nil {
		t.Fatal(err)
	}
	bigger := spec(func(s *kubedbv1.PostgresSpec) {
		s.Storage.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("20Gi")
	})
	d, err := New("agent:1").Build(input(bigger, func(g *gathered) { g.live.PetSet = first.PetSet }))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.PetSet.Spec.VolumeClaimTemplates, d.PetSet.Spec.VolumeClaimTemplates); diff != "" {
		t.Errorf("the claim templates of a live PetSet changed:\n%s", diff)
	}
}

func TestAnAgentMayTouchOnlyWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	d, err := New("agent:1").Build(input(spec(func(s *kubedbv1.PostgresSpec) { s.Replicas = ptr.To[int32](2) })))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range d.Role.Rules {
		if len(rule.ResourceNames) == 0 {
			t.Errorf("the rule for %v names no objects", rule.Resources)
		}
		for _, list := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs, rule.ResourceNames} {
			for _, word := range list {
				if strings.Contains(word, "*") || word == "list" {
					t.Errorf("the rule for %v has %q", rule.Resources, word)
				}
			}
		}
	}
}
