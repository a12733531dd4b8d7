package provision

import (
	"context"
	"strings"
	"sync"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// fakeKind is a kind that no package but this test knows: the provisioner works through the seam alone. It borrows the
// API type of PgBouncer. It has volumes, a Lease and a Secret that persists; its instances wait for the Secret that
// their spec names, and take their configuration from it.
type fakeKind struct {
	mu     sync.Mutex
	health map[string]database.Health // by name of the instance
	probes map[string]int
}

func newFakeKind() *fakeKind {
	return &fakeKind{health: map[string]database.Health{}, probes: map[string]int{}}
}

var healthy = database.Health{Accepting: true, Writable: true}

// answer sets what the probe of an instance finds from now on.
func (k *fakeKind) answer(name string, h database.Health) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.health[name] = h
}

func (k *fakeKind) probed(name string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.probes[name]
}

func (k *fakeKind) Info() database.Info {
	return database.Info{
		Kind: "PgBouncer", Name: "fakes.test", Component: "fake", Container: "server", AdminUser: "admin",
		OpsKind:           "PgBouncerOpsRequest",
		PersistentSecrets: func(name, _ string) []string { return []string{name + "-extra"} },
		Texts: database.Texts{
			ProvisioningStarted: "started %s", ReplicasReady: "all there", Accepting: "accepting %s", AcceptingReason: "AcceptingConnection",
			Ready: "ready %s", ReadyReason: "AllReplicasReady", Provisioned: "provisioned %s",
		},
	}
}

func (k *fakeKind) New() database.Instance { return fakeInstance{&kubedbv1.PgBouncer{}} }

func (k *fakeKind) Default(in database.Instance) {
	spec := &in.(fakeInstance).wants().Replicas
	if *spec == nil {
		*spec = ptr.To[int32](1)
	}
}

func (k *fakeKind) Validate(context.Context, database.Reader, database.Instance, database.Instance) ([]string, field.ErrorList) {
	return nil, nil
}

type fakeGathered struct {
	in       fakeInstance
	text     string
	password string
	live     blocks.Live
}

func (k *fakeKind) Gather(ctx context.Context, r database.Reader, in database.Instance) (database.Gathered, error) {
	fake := in.(fakeInstance)
	g := fakeGathered{in: fake}
	if config := fake.wants().Configuration; config != nil {
		secret := &corev1.Secret{}
		key := client.ObjectKey{Namespace: fake.Namespace, Name: config.SecretName}
		if err := r.Get(ctx, key, secret); apierrors.IsNotFound(err) {
			return nil, database.WaitFor("Secret %s: not found", key)
		} else if err != nil {
			return nil, err
		}
		g.text = string(secret.Data["text"])
	}
	var err error
	g.live, err = blocks.Look(ctx, r, blocks.For(k.Info(), in), in.Spec(), fake.Name)
	if err == nil {
		g.password = string(g.live.Auth.Data[naming.AuthPassword])
	}
	return g, err
}

func (k *fakeKind) Build(from database.Gathered) (database.Desired, error) {
	g := from.(fakeGathered)
	if strings.HasPrefix(g.text, "broken") {
		return database.Desired{}, database.Unusablef("the text is broken")
	}
	s := blocks.For(k.Info(), g.in)
	d := database.Desired{
		Governing: blocks.Governing(s, blocks.Port("db", 5432, "db")),
		Services: []*corev1.Service{blocks.Service{
			Subject: s, Name: s.Name(), Ports: []corev1.ServicePort{blocks.Port("db", 5432, "db")},
			Alias: sharedv1.ServiceAliasPrimary, Templates: g.in.wants().ServiceTemplates,
		}.Build()},
		Config:  blocks.ConfigSecret(s, map[string]string{"text": g.text}, g.live),
		Secrets: []*corev1.Secret{{ObjectMeta: s.Meta(s.Name() + "-extra"), Data: map[string][]byte{"key": []byte("value")}}},
		Lease:   &coordinationv1.Lease{ObjectMeta: s.Meta(naming.LeaderLease(s.Name()))},
		AppBinding: blocks.Binding{Subject: s, Type: appcatalogv1alpha1.AppTypePgBouncer, Version: "1", APIGroup: "kubedb.com",
			Port: 5432, SSLMode: "disable", AuthName: naming.AuthSecret(s.Name())}.Build(),
	}
	standby := blocks.Service{Subject: s, Name: naming.StandbyService(s.Name()), Ports: []corev1.ServicePort{blocks.Port("db", 5432, "db")}}.Build()
	if g.in.Spec().Replicas > 1 {
		d.Services = append(d.Services, standby)
	} else {
		d.Absent = append(d.Absent, &corev1.Service{ObjectMeta: s.Ref(standby.Name)})
	}
	if g.text == "tls" {
		d.TLS = &database.TLS{Published: &corev1.Secret{ObjectMeta: s.Meta(naming.TLSSecret(s.Name())), Data: map[string][]byte{"server.crt": []byte("x")}}}
	}
	blocks.Grant(&d, s, s.Name(), []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}, g.live.ForeignAccount)
	var err error
	d.PetSet, err = blocks.Set{
		Pod: blocks.Pod{
			Subject: s, User: g.in.wants().PodTemplate, ServiceAccount: s.Name(), AgentImage: "agent:1", GracePeriodSeconds: 1,
			Server: corev1.Container{Name: "server", Image: "server:" + g.in.wants().Version, Resources: blocks.ServerResources()},
		},
		Name: s.Name(), Replicas: g.in.Spec().Replicas, Live: g.live.PetSet,
		Claims: []corev1.PersistentVolumeClaim{{
			ObjectMeta: s.Ref("data"),
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceStorage: resource.MustParse("1Gi"),
				}},
			},
		}},
	}.Build()
	d.PetSet.Spec.VolumeClaimTemplates[0].Namespace = ""
	if lacks, ok := strings.CutPrefix(g.text, "lacks "); ok {
		d.Lacks = lacks
	}
	blocks.Budget(&d, s)
	return d, err
}

func (k *fakeKind) Members(pods []corev1.Pod) []database.Member { return database.MembersOf(pods, nil) }

func (k *fakeKind) Probe(_ context.Context, from database.Gathered) database.Health {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := from.(fakeGathered).in.Name
	k.probes[name]++
	return k.health[name]
}

// fakeInstance is an instance of the fake kind.
type fakeInstance struct{ *kubedbv1.PgBouncer }

func (i fakeInstance) Object() client.Object            { return i.PgBouncer }
func (i fakeInstance) Status() *sharedv1.DatabaseStatus { return i.DatabaseStatus() }
func (i fakeInstance) DeepCopy() database.Instance      { return fakeInstance{i.PgBouncer.DeepCopy()} }
func (i fakeInstance) wants() *kubedbv1.PgBouncerSpec   { return &i.PgBouncer.Spec }

func (i fakeInstance) Spec() database.Spec {
	spec := i.PgBouncer.Spec
	return database.Spec{
		Version: spec.Version, Replicas: ptr.Deref(spec.Replicas, 1), Halted: spec.Halted, DeletionPolicy: spec.DeletionPolicy,
		Health: database.HealthCheckOf(spec.HealthChecker), Auth: spec.AuthSecret,
		InitPending: spec.Init != nil && !spec.Init.Initialized,
	}
}
