package blocks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// subject is an instance of some kind.
func subject() Subject {
	return Subject{
		Info: database.Info{Kind: "Kind", Name: "kinds.test", Component: "part", Container: "server"},
		Object: &kubedbv1.PgBouncer{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "db", UID: "uid-123456", Labels: map[string]string{"team": "a", "kubedb.com/x": "y"},
		}},
	}
}

func TestFillResources(t *testing.T) {
	t.Parallel()
	list := func(cpu, memory string) corev1.ResourceList {
		out := corev1.ResourceList{}
		for name, value := range map[corev1.ResourceName]string{corev1.ResourceCPU: cpu, corev1.ResourceMemory: memory} {
			if value != "" {
				out[name] = resource.MustParse(value)
			}
		}
		return out
	}
	for _, test := range []struct {
		reason              string
		requests, limits    corev1.ResourceList
		wantRequests, wantL corev1.ResourceList
	}{
		{"the defaults", nil, nil, list("500m", "1Gi"), list("", "1Gi")},
		{"a request becomes the limit", list("", "2Gi"), nil, list("500m", "2Gi"), list("", "2Gi")},
		{"a limit becomes the request", nil, list("2", "2Gi"), list("2", "2Gi"), list("2", "2Gi")},
		{"a limit above its request stays", list("", "1Gi"), list("", "3Gi"), list("500m", "1Gi"), list("", "3Gi")},
		{"a limit below its request is raised", list("", "4Gi"), list("", "3Gi"), list("500m", "4Gi"), list("", "4Gi")},
		{"CPU gets no limit", list("1", ""), nil, list("1", "1Gi"), list("", "1Gi")},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			got := FillResources(corev1.ResourceRequirements{Requests: test.requests, Limits: test.limits}, ServerResources())
			want := corev1.ResourceRequirements{Requests: test.wantRequests, Limits: test.wantL}
			equal := cmp.Comparer(func(a, b resource.Quantity) bool { return a.Cmp(b) == 0 })
			if diff := cmp.Diff(want, got, equal); diff != "" {
				t.Errorf("resources (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheFormerConfigurationIsTheLastOneThatWasAccepted(t *testing.T) {
	t.Parallel()
	secret := func(pairs ...string) *corev1.Secret {
		s := &corev1.Secret{Data: map[string][]byte{}}
		for i := 0; i < len(pairs); i += 2 {
			s.Data[pairs[i]] = []byte(pairs[i+1])
		}
		return s
	}
	for _, test := range []struct {
		reason   string
		live     *corev1.Secret
		accepted bool
		want     *corev1.Secret
	}{
		{"there was none", nil, false, secret("a", "new", "b", "same")},
		{"it was in force", secret("a", "old", "b", "same"), true, secret("a", "new", "b", "same", "a.prev", "old")},
		{"nobody took it", secret("a", "bad", "b", "same"), false, secret("a", "new", "b", "same")},
		{"nobody took it, but the one before", secret("a", "bad", "b", "same", "a.prev", "good"), false,
			secret("a", "new", "b", "same", "a.prev", "good")},
		{"nothing changes", secret("a", "new", "b", "same", "a.prev", "old"), true, secret("a", "new", "b", "same", "a.prev", "old")},
		{"a file that is no more is forgotten", secret("a", "new", "b", "same", "c", "x", "c.prev", "y"), true,
			secret("a", "new", "b", "same")},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			live := Live{Config: test.live}
			if test.accepted {
				live.Reports = map[string]report.Report{"db-0": {ConfigHash: report.HashFiles(test.live.Data)}}
			}
			got := ConfigSecret(subject(), map[string]string{"a": "new", "b": "same"}, live)
			if diff := cmp.Diff(test.want.Data, got.Data); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			if hash := got.Annotations[naming.AnnotationConfigHash]; hash != report.HashFiles(map[string][]byte{"a": []byte("new"), "b": []byte("same")}) {
				t.Errorf("the hash %s is not that of the files", hash)
			}
		})
	}
}

func TestAContainerIsCompletedAndNotReplaced(t *testing.T) {
	t.Parallel()
	user := &sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{
		Containers: []corev1.Container{{
			Name: "server", Image: "other", Command: []string{"other"},
			Env:             []corev1.EnvVar{{Name: naming.EnvKind, Value: "other"}, {Name: "MORE", Value: "1"}},
			SecurityContext: &corev1.SecurityContext{RunAsUser: ptr.To[int64](5)},
			VolumeMounts:    []corev1.VolumeMount{{Name: "x", MountPath: naming.AgentDir}, {Name: "x", MountPath: "/x"}},
		}, {Name: "pg-coordinator"}},
		ShareProcessNamespace: ptr.To(true),
	}}
	template := Pod{
		Subject: subject(), User: user, GracePeriodSeconds: 30, AgentImage: "agent",
		Server: corev1.Container{Name: "server", Image: "ours", Resources: ServerResources()},
	}.Template()
	if len(template.Spec.Containers) != 1 {
		t.Fatalf("containers are %v", template.Spec.Containers)
	}
	c := template.Spec.Containers[0]
	if c.Image != "ours" || c.Command[0] != naming.AgentBinary || *c.SecurityContext.RunAsUser != 5 {
		t.Errorf("the container is %s %v %+v", c.Image, c.Command, c.SecurityContext)
	}
	for _, e := range c.Env {
		if e.Name == naming.EnvKind && e.Value != "Kind" {
			t.Errorf("the agent was told the wrong kind: %s", e.Value)
		}
	}
	mounts := map[string]string{}
	for _, m := range c.VolumeMounts {
		mounts[m.MountPath] = m.Name
	}
	if mounts[naming.AgentDir] != naming.AgentVolume || mounts["/x"] != "x" {
		t.Errorf("mounts are %v", mounts)
	}
	if template.Spec.ShareProcessNamespace != nil {
		t.Error("the agent would not be process 1")
	}
	if got := template.Labels; got["team"] != "a" || got["kubedb.com/x"] != "" || got[naming.LabelInstance] != "db" {
		t.Errorf("labels are %v", got)
	}
}

func TestTheUsersGracePeriodIsToldToTheAgent(t *testing.T) {
	t.Parallel()
	user := &sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{TerminationGracePeriodSeconds: ptr.To[int64](120)}}
	template := Pod{Subject: subject(), User: user, GracePeriodSeconds: 30, Server: corev1.Container{Name: "server"}}.Template()
	if *template.Spec.TerminationGracePeriodSeconds != 120 {
		t.Errorf("the grace period is %d", *template.Spec.TerminationGracePeriodSeconds)
	}
	for _, e := range template.Spec.Containers[0].Env {
		if e.Name == naming.EnvGracePeriod && e.Value != "120" {
			t.Errorf("the agent was told %s", e.Value)
		}
	}
}

func TestServicesFollowTheirTemplates(t *testing.T) {
	t.Parallel()
	build := func(templates ...sharedv1.NamedServiceTemplateSpec) *corev1.Service {
		return Service{
			Subject: subject(), Name: "db", Alias: sharedv1.ServiceAliasPrimary, Templates: templates,
			Ports: []corev1.ServicePort{Port("primary", 5432, "db"), Port("other", 1, "other")},
		}.Build()
	}
	if got := build(); got.Spec.Type != corev1.ServiceTypeClusterIP {
		t.Errorf("without a template the type is %q: it would not be taken back", got.Spec.Type)
	}
	template := sharedv1.NamedServiceTemplateSpec{Alias: sharedv1.ServiceAliasPrimary, ServiceTemplateSpec: sharedv1.ServiceTemplateSpec{
		ObjectMeta: sharedv1.ObjectMeta{Labels: map[string]string{"l": "1", naming.LabelInstance: "not"}, Annotations: map[string]string{"a": "1"}},
		Spec:       sharedv1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []sharedv1.ServicePort{{Port: 5432, NodePort: 30000}, {Port: 9, NodePort: 9}}},
	}}
	other := template
	other.Alias = sharedv1.ServiceAliasStats
	got := build(other, template)
	if got.Spec.Type != corev1.ServiceTypeNodePort || got.Spec.Ports[0].NodePort != 30000 || got.Spec.Ports[1].NodePort != 0 {
		t.Errorf("the Service is %+v", got.Spec)
	}
	if got.Labels["l"] != "1" || got.Labels[naming.LabelInstance] != "db" || got.Annotations["a"] != "1" {
		t.Errorf("labels %v, annotations %v", got.Labels, got.Annotations)
	}
	if diff := cmp.Diff(build(other), build()); diff != "" {
		t.Errorf("the template of another Service was used:\n%s", diff)
	}
}

func TestHowManyMembersMayBeAway(t *testing.T) {
	t.Parallel()
	for replicas, away := range map[int32]int{1: 0, 2: 1, 3: 1, 4: 1, 5: 2, 9: 4} {
		d := database.Desired{PetSet: &petsetv1.PetSet{Spec: petsetv1.PetSetSpec{Replicas: ptr.To(replicas)}}}
		Budget(&d, subject())
		if (d.Budget == nil) != (away == 0) || len(d.Absent) != map[bool]int{true: 1}[away == 0] {
			t.Errorf("%d members: budget %v, absent %v", replicas, d.Budget, d.Absent)
			continue
		}
		if away > 0 {
			if got := fmt.Sprint(mayBeAway(d)); got != fmt.Sprint(away) {
				t.Errorf("%d members: %s may be away, want %d", replicas, got, away)
			}
		}
	}
}

func TestAForeignAccountGetsNoRights(t *testing.T) {
	t.Parallel()
	rules := []rbacv1.PolicyRule{{Verbs: []string{"get"}}}
	var foreign, own database.Desired
	Grant(&foreign, subject(), "theirs", rules, true)
	Grant(&own, subject(), "ours", rules, false)
	if foreign.ServiceAccount != nil || foreign.Role != nil || foreign.RoleBinding != nil {
		t.Errorf("a foreign account got %+v", foreign)
	}
	if own.ServiceAccount.Name != "ours" || own.RoleBinding.RoleRef.Name != own.Role.Name || own.RoleBinding.Subjects[0].Name != "ours" {
		t.Errorf("our account got %+v", own)
	}
}

func TestMonitoring(t *testing.T) {
	t.Parallel()
	add := func(m *sharedv1.MonitoringSpec) (database.Desired, *corev1.Container) {
		e := Exporter{Subject: subject(), Monitor: m, Image: "exporter", DefaultPort: 9187}
		var d database.Desired
		e.AddTo(&d)
		return d, e.Container()
	}
	if d, c := add(nil); c != nil || len(d.Services) != 0 || len(d.Absent) != 2 || d.Absent[0].GetName() != "db-stats" {
		t.Errorf("without monitoring there is %+v", d)
	}
	d, c := add(&sharedv1.MonitoringSpec{Agent: sharedv1.MonitoringAgentPrometheusBuiltin, Prometheus: &sharedv1.PrometheusSpec{
		Exporter: sharedv1.PrometheusExporterSpec{Port: 2000, Args: []string{"--more"}}}})
	if c.Ports[0].ContainerPort != 2000 || strings.Join(c.Args, " ") != "--web.listen-address=:2000 --more" {
		t.Errorf("the exporter is %+v", c)
	}
	svc := d.Services[0]
	if svc.Annotations["prometheus.io/port"] != "2000" || svc.Labels[naming.LabelRole] != naming.RoleStats || svc.Spec.Selector[naming.LabelRole] != "" {
		t.Errorf("the stats Service is %+v", svc)
	}
	if len(d.Monitors) != 0 || len(d.Absent) != 1 {
		t.Error("there may be a ServiceMonitor although nobody asked for one")
	}
	if d, _ := add(&sharedv1.MonitoringSpec{Agent: sharedv1.MonitoringAgentPrometheusOperator}); len(d.Monitors) != 1 || len(d.Absent) != 0 {
		t.Error("the ServiceMonitor is missing")
	}
}

func TestARuleAboutPodsAlwaysNamesThem(t *testing.T) {
	t.Parallel()
	for replicas, want := range map[int32]string{0: "db-0", 1: "db-0", 2: "db-0,db-1"} {
		if got := strings.Join(PodRule("db", replicas).ResourceNames, ","); got != want {
			t.Errorf("%d replicas: the rule names %q, want %q", replicas, got, want)
		}
	}
}

func mayBeAway(d database.Desired) int32 {
	return d.Budget.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable.IntVal
}
