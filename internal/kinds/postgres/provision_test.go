package postgres

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/petset"
	"github.com/matriarchdb/matriarch/internal/provision"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, &env, testenv.Options{CertManager: true, AddToScheme: []func(*runtime.Scheme) error{
		kubedbv1.AddToScheme, catalogv1alpha1.AddToScheme, appcatalogv1alpha1.AddToScheme, monitoringv1.AddToScheme, opsv1alpha1.AddToScheme,
	}}))
}

const (
	versionName       = "15.18"
	deprecatedVersion = "13.16"
	// unmonitoredVersion names no exporter.
	unmonitoredVersion = "15.18-unmonitored"
)

var versionsOnce sync.Once

// versions makes the versions that the tests use, and the placement policy that is shipped.
func versions(t testing.TB) {
	t.Helper()
	versionsOnce.Do(func() {
		for name, deprecated := range map[string]bool{versionName: false, deprecatedVersion: true, unmonitoredVersion: false} {
			v := &catalogv1alpha1.PostgresVersion{ObjectMeta: metav1.ObjectMeta{Name: name}}
			number, _, _ := strings.Cut(name, "-")
			v.Spec.Version, v.Spec.Deprecated = number, deprecated
			v.Spec.DB.Image, v.Spec.Exporter.Image, v.Spec.Coordinator.Image = "postgres:"+name, "exporter:1", "none"
			v.Spec.PodSecurityPolicies.DatabasePolicyName = "none"
			if name == unmonitoredVersion {
				create(t, withoutExporter(t, v))
				continue
			}
			v.Spec.SecurityContext.RunAsUser = ptr.To[int64](999)
			create(t, v)
		}
		create(t, &petsetv1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Name: naming.DefaultPlacement}})
	})
}

// withoutExporter is the version with an empty name of an exporter, which is all that the schema lets a catalog leave out.
func withoutExporter(t testing.TB, v *catalogv1alpha1.PostgresVersion) client.Object {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(v)
	if err == nil {
		err = unstructured.SetNestedField(content, "", "spec", "exporter", "image")
	}
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(catalogv1alpha1.GroupVersion.WithKind("PostgresVersion"))
	return u
}

func create(t testing.TB, o client.Object) {
	t.Helper()
	if err := env.Client.Create(context.Background(), o); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

// TestTheRestrictedPodSecurityStandardLetsEveryPodIn provisions a Postgres with everything in it in a namespace that
// enforces the standard: the API server refuses a pod that breaks it.
func TestTheRestrictedPodSecurityStandardLetsEveryPodIn(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t, "pod-security.kubernetes.io/enforce", "restricted")
	versions(t)
	run(t, ns)
	create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "scripts"}})
	pg := valid(ns)
	pg.Spec.Replicas = ptr.To[int32](2)
	pg.Spec.Init = &sharedv1.InitSpec{Script: &sharedv1.ScriptSource{VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "scripts"}}}}}
	pg.Spec.Monitor = &sharedv1.MonitoringSpec{Agent: sharedv1.MonitoringAgentPrometheusBuiltin}
	pg.Spec.PodTemplate = &sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{Containers: []corev1.Container{{Name: "side", Image: "side:1"}}}}
	create(t, pg)

	for i := range 2 {
		pod := &corev1.Pod{}
		eventually(t, ns, fmt.Sprintf("pg-%d", i), pod)
		if len(pod.Spec.Containers) != 3 || len(pod.Spec.InitContainers) != 1 {
			t.Errorf("pod %d has %d containers and %d before them", i, len(pod.Spec.Containers), len(pod.Spec.InitContainers))
		}
		eventually(t, ns, fmt.Sprintf("data-pg-%d", i), &corev1.PersistentVolumeClaim{})
	}
	eventually(t, ns, "pg", &appcatalogv1alpha1.AppBinding{})
	eventually(t, ns, "pg-stats", &corev1.Service{})
	dated(t, pg)
}

// dated waits until the status says since when the credentials are what they are, as their Secret does.
func dated(t testing.TB, pg *kubedbv1.Postgres) {
	t.Helper()
	secret := &corev1.Secret{}
	eventually(t, pg.Namespace, "pg-auth", secret)
	testenv.Eventually(t, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(pg), pg); err != nil {
			return err
		}
		auth := pg.Status.AuthSecret
		if auth == nil || auth.LastUpdateTimestamp.UTC().Format(time.RFC3339) != secret.Annotations[naming.AnnotationAuthFrom] {
			return fmt.Errorf("status.authSecret is %+v, the Secret's annotation %s", auth, secret.Annotations[naming.AnnotationAuthFrom])
		}
		return nil
	})
}

// TestReadReplicasComeAndGoWithTheirEntryInTheSpec: the operator finds what is left of a removed group by its labels.
func TestReadReplicasComeAndGoWithTheirEntryInTheSpec(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	stop := run(t, ns)
	pg := valid(ns)
	pg.Spec.ReadReplicas = []kubedbv1.ReadReplica{{Name: "a", Replicas: ptr.To[int32](2)}, {Name: "b"}}
	create(t, pg)
	kubelet := env.Kubelet(ns)
	for _, name := range []string{"pg-0", "pg-a-0", "pg-a-1", "pg-b-0"} {
		eventually(t, ns, name, &corev1.Pod{})
		eventually(t, ns, "data-"+name, &corev1.PersistentVolumeClaim{})
	}
	for _, name := range []string{"pg-rr", "pg-rr-a", "pg-rr-b"} {
		eventually(t, ns, name, &corev1.Service{})
	}
	eventually(t, ns, "pg-a", &policyv1.PodDisruptionBudget{})
	for _, name := range []string{"pg-0", "pg-a-0", "pg-b-0"} {
		kubelet.Ready(t, name)
	}
	replicaReady(t, pg, "For PetSet: "+ns+"/pg-a desired replicas: 2, ready replicas: 1.")
	kubelet.Ready(t, "pg-a-1")
	replicaReady(t, pg, "All desired replicas are ready.")

	// The spec is edited while the operator is away.
	stop()
	edit(t, pg, func(s *kubedbv1.PostgresSpec) { s.ReadReplicas = s.ReadReplicas[1:] })
	run(t, ns)
	for name, o := range map[string]client.Object{
		"pg-a": &petsetv1.PetSet{}, "pg-a-0": &corev1.Pod{}, "pg-a-1": &corev1.Pod{}, "pg-rr-a": &corev1.Service{},
		"data-pg-a-0": &corev1.PersistentVolumeClaim{}, "data-pg-a-1": &corev1.PersistentVolumeClaim{},
	} {
		goes(t, ns, name, o)
	}
	for name, o := range map[string]client.Object{
		"pg": &petsetv1.PetSet{}, "pg-b": &petsetv1.PetSet{}, "pg-0": &corev1.Pod{}, "pg-b-0": &corev1.Pod{}, "pg-rr": &corev1.Service{},
		"pg-rr-b": &corev1.Service{}, "data-pg-0": &corev1.PersistentVolumeClaim{}, "data-pg-b-0": &corev1.PersistentVolumeClaim{},
	} {
		eventually(t, ns, name, o)
	}
	replicaReady(t, pg, "All desired replicas are ready.")
	edit(t, pg, func(s *kubedbv1.PostgresSpec) { s.ReadReplicas = nil })
	goes(t, ns, "pg-b", &petsetv1.PetSet{})
	goes(t, ns, "pg-rr", &corev1.Service{})
}

func TestAHaltedPostgresHasNoReadReplicasAndGetsThemBack(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	run(t, ns)
	pg := valid(ns)
	pg.Spec.ReadReplicas = []kubedbv1.ReadReplica{{Name: "a"}}
	create(t, pg)
	eventually(t, ns, "pg-a-0", &corev1.Pod{})
	eventually(t, ns, "data-pg-0", &corev1.PersistentVolumeClaim{})
	edit(t, pg, func(s *kubedbv1.PostgresSpec) { s.Halted = true })
	for name, o := range map[string]client.Object{
		"pg-a": &petsetv1.PetSet{}, "pg-a-0": &corev1.Pod{}, "pg-rr": &corev1.Service{}, "pg-rr-a": &corev1.Service{},
	} {
		goes(t, ns, name, o)
	}
	eventually(t, ns, "data-pg-0", &corev1.PersistentVolumeClaim{})
	edit(t, pg, func(s *kubedbv1.PostgresSpec) { s.Halted = false })
	eventually(t, ns, "pg-a-0", &corev1.Pod{})
	eventually(t, ns, "pg-rr-a", &corev1.Service{})
}

// edit changes the spec as a user would.
func edit(t testing.TB, pg *kubedbv1.Postgres, change func(*kubedbv1.PostgresSpec)) {
	t.Helper()
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(pg), pg); err != nil {
		t.Fatal(err)
	}
	before := pg.DeepCopy()
	change(&pg.Spec)
	if err := env.Client.Patch(t.Context(), pg, client.MergeFrom(before)); err != nil {
		t.Fatalf("edit the Postgres: %v", err)
	}
}

// replicaReady waits until the condition ReplicaReady says that.
func replicaReady(t testing.TB, pg *kubedbv1.Postgres, words string) {
	t.Helper()
	testenv.Eventually(t, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(pg), pg); err != nil {
			return err
		}
		c := kube.FindCondition(pg.Status.Conditions, sharedv1.ConditionReplicaReady)
		if c == nil || !strings.Contains(c.Message, words) {
			return fmt.Errorf("the condition is %+v, want %q", c, words)
		}
		return nil
	})
}

// goes waits until an object is gone; garbage collector and kubelet are this test's.
func goes(t testing.TB, ns, name string, o client.Object) {
	t.Helper()
	testenv.Eventually(t, func(ctx context.Context) error {
		env.Collect(t, ns)
		env.Kubelet(ns).Round(t)
		err := env.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, o)
		if err == nil {
			return fmt.Errorf("%T %s is still there: %v %v", o, name, o.GetFinalizers(), o.GetOwnerReferences())
		}
		return client.IgnoreNotFound(err)
	})
}

func TestAPostgresOfAnUnknownVersionWaitsForIt(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	run(t, ns)
	pg := valid(ns)
	pg.Spec.Version = "later-" + ns
	create(t, pg)
	testenv.Eventually(t, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(pg), pg); err != nil {
			return err
		}
		if !kube.ConditionFalse(pg.Status.Conditions, sharedv1.ConditionDatabaseDependencyReady) {
			return fmt.Errorf("conditions are %+v", pg.Status.Conditions)
		}
		return nil
	})
	version := &catalogv1alpha1.PostgresVersion{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Name: versionName}, version); err != nil {
		t.Fatal(err)
	}
	version.ObjectMeta = metav1.ObjectMeta{Name: pg.Spec.Version}
	create(t, version)
	eventually(t, ns, "pg-0", &corev1.Pod{})
}

func eventually(t testing.TB, ns, name string, o client.Object) {
	t.Helper()
	testenv.Eventually(t, func(ctx context.Context) error {
		return env.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, o)
	})
}

// run starts provisioner and PetSet controller for one namespace; what it returns stops them.
func run(t testing.TB, ns string) (stop func()) {
	t.Helper()
	kinds := []database.Kind{New("agent:1")}
	byObject, err := provision.CacheByObject(kinds)
	if err != nil {
		t.Fatal(err)
	}
	_, stop = env.Manager(t, testenv.ManagerOptions{Namespace: ns, Cache: byObject, Setup: func(mgr ctrl.Manager) error {
		direct, err := client.NewWithWatch(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
		if err != nil {
			return err
		}
		follower, err := kube.NewFollower(mgr.GetCache(), direct, provision.Coverage())
		if err != nil {
			return err
		}
		if err := petset.SetupWithManager(mgr, petset.Options{}); err != nil {
			return err
		}
		return provision.Setup(mgr, kinds, provision.Options{
			Follower: follower, Applier: kube.NewApplier(mgr.GetClient(), naming.FieldOwner),
		})
	}})
	return stop
}
