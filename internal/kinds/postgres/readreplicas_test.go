package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// withReadReplicas is a Postgres of two members and the groups of readReplicas.
func withReadReplicas(changes ...func(*kubedbv1.PostgresSpec)) option {
	return spec(func(s *kubedbv1.PostgresSpec) {
		s.Replicas, s.ReadReplicas = ptr.To[int32](2), readReplicas()
		for _, change := range changes {
			change(s)
		}
	})
}

func built(t *testing.T, options ...option) database.Desired {
	t.Helper()
	d, err := New("agent:1").Build(input(options...))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNoReadReplicaIsSelectedWithTheMembersNorTheOtherWayRound(t *testing.T) {
	t.Parallel()
	d := built(t, withReadReplicas())
	pods := map[string]labels.Set{}
	for _, set := range append(d.PetSets, d.PetSet) {
		pods[set.Name] = set.Spec.Template.Labels
		if selector, _ := metav1.LabelSelectorAsSelector(set.Spec.Selector); !selector.Matches(pods[set.Name]) {
			t.Errorf("PetSet %s does not select its own pods", set.Name)
		}
	}
	// As its agent labels it; a standby is the worst that a member can be taken for.
	pods["pg"] = labels.Merge(pods["pg"], labels.Set{naming.LabelRole: naming.RoleStandby})
	selected := func(by labels.Selector) string {
		var names []string
		for name, set := range pods {
			if by.Matches(set) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	got := map[string]string{}
	for _, service := range append(d.Services, d.Governing) {
		got["Service "+service.Name] = selected(labels.SelectorFromSet(service.Spec.Selector))
	}
	for _, set := range append(d.PetSets, d.PetSet) {
		by, _ := metav1.LabelSelectorAsSelector(set.Spec.Selector)
		got["PetSet "+set.Name] = selected(by)
	}
	want := map[string]string{
		"Service pg": "", "Service pg-standby": "pg", "Service pg-pods": "pg pg-plain pg-reports", "Service pg-rr": "pg-plain pg-reports",
		"Service pg-rr-plain": "pg-plain", "Service pg-rr-reports": "pg-reports",
		"PetSet pg": "pg", "PetSet pg-plain": "pg-plain", "PetSet pg-reports": "pg-reports",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what selects which pods (-want +got):\n%s", diff)
	}
}

func TestClaimsOfReadReplicasGoWithThemAndThoseOfMembersStay(t *testing.T) {
	t.Parallel()
	d := built(t, withReadReplicas())
	for _, set := range append(d.PetSets, d.PetSet) {
		want := appsv1.DeletePersistentVolumeClaimRetentionPolicyType
		if set == d.PetSet {
			want = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
		}
		if p := set.Spec.PersistentVolumeClaimRetentionPolicy; p.WhenDeleted != want || p.WhenScaled != want {
			t.Errorf("PetSet %s: %+v, want %s", set.Name, p, want)
		}
	}
}

func TestAGroupThatVanishedFromTheSpecIsRemoved(t *testing.T) {
	t.Parallel()
	before := built(t, withReadReplicas())
	live := func(g *gathered) { g.groups = liveGroups{"plain": before.PetSets[0], "reports": nil} }
	absent := func(d database.Desired) (names []string) {
		for _, o := range d.Absent {
			switch o.(type) {
			case *corev1.Service:
				if o.GetName() != "pg-stats" { // which has nothing to do with it
					names = append(names, "Service "+o.GetName())
				}
			case *petsetv1.PetSet:
				names = append(names, "PetSet "+o.GetName())
			}
		}
		return names
	}
	if got := absent(built(t, live, withReadReplicas())); len(got) > 0 {
		t.Errorf("nothing vanished, and yet %v is removed", got)
	}
	one := built(t, live, withReadReplicas(func(s *kubedbv1.PostgresSpec) { s.ReadReplicas = s.ReadReplicas[1:] }))
	if diff := cmp.Diff([]string{"Service pg-rr-plain", "PetSet pg-plain"}, absent(one)); diff != "" {
		t.Errorf("one group vanished (-want +got):\n%s", diff)
	}
	none := built(t, live, withReadReplicas(func(s *kubedbv1.PostgresSpec) { s.ReadReplicas = nil }))
	want := []string{"Service pg-rr", "Service pg-rr-plain", "PetSet pg-plain", "Service pg-rr-reports", "PetSet pg-reports"}
	if diff := cmp.Diff(want, absent(none)); diff != "" {
		t.Errorf("all groups vanished (-want +got):\n%s", diff)
	}
}

func TestSharedBuffersOfAReadReplicaFitItsMemoryUnlessTheUserFixedThem(t *testing.T) {
	t.Parallel()
	small := func(s *kubedbv1.PostgresSpec) {
		s.ReadReplicas = []kubedbv1.ReadReplica{{Name: "small", Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")}}}}
	}
	for name, test := range map[string]struct {
		change func(*kubedbv1.PostgresSpec)
		want   string
	}{
		"a group with the database's memory": {func(*kubedbv1.PostgresSpec) {}, "hot_standby = on\n"},
		"a smaller one":                      {small, "hot_standby = on\nshared_buffers = 128MB\n"},
		"a smaller one with the user's own value": {func(s *kubedbv1.PostgresSpec) {
			small(s)
			inline("user.conf", "shared_buffers = 300MB")(s)
		}, "hot_standby = on\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := built(t, withReadReplicas(test.change))
			for _, env := range d.PetSets[0].Spec.Template.Spec.Containers[0].Env {
				if env.Name == naming.EnvSettings {
					if env.Value != test.want {
						t.Errorf("its own settings are %q, want %q", env.Value, test.want)
					}
					return
				}
			}
			t.Errorf("there is no variable %s", naming.EnvSettings)
		})
	}
}

func TestNoCommitWaitsForAReadReplica(t *testing.T) {
	t.Parallel()
	synchronous := func(s *kubedbv1.PostgresSpec) {
		s.StreamingMode = kubedbv1.StreamingModeSynchronous
		s.SynchronousReplicationConfig = &kubedbv1.SynchronousReplication{UseWildcard: true}
	}
	conf := string(built(t, withReadReplicas(synchronous)).Config.Data[naming.PostgresConf])
	if want := `synchronous_standby_names = 'ANY 1 ("pg-0", "pg-1")'`; !strings.Contains(conf, want) {
		t.Errorf("want %s in\n%s", want, conf)
	}
	for _, names := range []string{"FIRST 2 (*)", `ANY 1 ("pg-1", "pg-reports-2")`} {
		_, err := New("").Build(input(withReadReplicas(inline("user.conf", "synchronous_standby_names = '"+names+"'"))))
		if err == nil || !strings.Contains(err.Error(), "it would count read replicas") {
			t.Errorf("%s: got %v", names, err)
		}
	}
	built(t, withReadReplicas(inline("user.conf", `synchronous_standby_names = 'ANY 1 ("pg-1")'`)))
}

func TestEveryFollowerHasAWALSender(t *testing.T) {
	t.Parallel()
	many := func(s *kubedbv1.PostgresSpec) { s.ReadReplicas[0].Replicas = ptr.To[int32](20) }
	conf := string(built(t, withReadReplicas(many)).Config.Data[naming.PostgresConf])
	if want := "max_wal_senders = 27\n"; !strings.Contains(conf, want) { // 2 + 20 + 3, and one clone
		t.Errorf("want %s in\n%s", want, conf)
	}
	_, err := New("").Build(input(withReadReplicas(inline("user.conf", "max_wal_senders = 5"))))
	if err == nil || !strings.Contains(err.Error(), "6 members need at least 6") {
		t.Errorf("got %v", err)
	}
}

func TestGroupsOfReadReplicasAreChecked(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	// What another Postgres, and what a person, has made there.
	create(t, &petsetv1.PetSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pg-theirs", Labels: naming.Selector(naming.NamePostgres, "pg-theirs")},
		Spec: petsetv1.PetSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}, ServiceName: "none",
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}},
	})
	create(t, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pg-rr-mine"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}})
	group := func(name string) kubedbv1.ReadReplica { return kubedbv1.ReadReplica{Name: name} }
	for _, test := range []struct {
		reason  string
		groups  []kubedbv1.ReadReplica
		problem string
	}{
		{"names that look like other objects' are none of theirs", []kubedbv1.ReadReplica{group("0"), group("pods"), group("standby"), group("rr")}, ""},
		{"no name", []kubedbv1.ReadReplica{group("")}, "spec.readReplicas[0].name: Required"},
		{"the arbiter's name", []kubedbv1.ReadReplica{group("arbiter")}, "the name is reserved"},
		{"a name twice", []kubedbv1.ReadReplica{group("a"), group("a")}, "spec.readReplicas[1].name: Duplicate"},
		{"a name that is no part of a host name", []kubedbv1.ReadReplica{group("Big_One")}, "names of pods and Services"},
		{"a name that is too long", []kubedbv1.ReadReplica{group(strings.Repeat("x", 60))}, "a host name has 63 at most"},
		{"no member", []kubedbv1.ReadReplica{{Name: "a", Replicas: ptr.To[int32](0)}}, "spec.readReplicas[0].replicas"},
		{"a PetSet of another Postgres", []kubedbv1.ReadReplica{group("theirs")}, "PetSet pg-theirs, which exists and belongs to postgreses.kubedb.com pg-theirs"},
		{"a Service of a person", []kubedbv1.ReadReplica{group("mine")}, "Service pg-rr-mine, which exists and belongs to somebody else"},
		{"a volume without a size", []kubedbv1.ReadReplica{{Name: "a", Storage: &corev1.PersistentVolumeClaimSpec{}}}, "the size of the volume is missing"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			pg := valid(ns)
			pg.Spec.ReadReplicas = test.groups
			_, problems := New("").Validate(t.Context(), env.Client, nil, instance{pg})
			text := problems.ToAggregate()
			if (text == nil) != (test.problem == "") || text != nil && !strings.Contains(text.Error(), test.problem) {
				t.Errorf("the problems are %v, want %q", text, test.problem)
			}
		})
	}
}

func TestAGroupKeepsItsKindOfStorage(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	old, now := valid(ns), valid(ns)
	old.Spec.ReadReplicas = []kubedbv1.ReadReplica{{Name: "a"}, {Name: "b"}}
	now.Spec.ReadReplicas = []kubedbv1.ReadReplica{{Name: "b", StorageType: sharedv1.StorageTypeEphemeral}, {Name: "c", StorageType: sharedv1.StorageTypeEphemeral}}
	_, problems := New("").Validate(t.Context(), env.Client, instance{old}, instance{now})
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "spec.readReplicas[0].storageType") {
		t.Errorf("got %v", problems)
	}
}

func TestAReadReplicaHasASlotWhereMembersHave(t *testing.T) {
	t.Parallel()
	slots := func(s *kubedbv1.PostgresSpec) {
		s.Replicas, s.ReadReplicas = nil, s.ReadReplicas[:1]
		s.Replication = &kubedbv1.Replication{WALLimitPolicy: kubedbv1.WALLimitPolicyReplicationSlot}
	}
	got := string(built(t, withReadReplicas(slots)).Config.Data[naming.PostgresSlots])
	if want := "pg-0\npg-plain-0\n"; got != want {
		t.Errorf("slots are kept for %q, want %q", got, want)
	}
}
