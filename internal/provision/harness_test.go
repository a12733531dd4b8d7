package provision

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/petset"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

// TestMain lets more tests run at a time than there are processors: they wait for the API server most of the time.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "10"); err != nil {
		panic(err)
	}
	os.Exit(testenv.Main(m, &env, testenv.Options{AddToScheme: []func(*runtime.Scheme) error{
		kubedbv1.AddToScheme, appcatalogv1alpha1.AddToScheme, monitoringv1.AddToScheme,
	}}))
}

// world is a namespace with the provisioner and the PetSet controller at work in it.
type world struct {
	testing.TB
	ns      string
	kind    *fakeKind
	kubelet testenv.Kubelet
	faults  *testenv.Faults
	stop    func()
	// policies switches the network policies on; in force from the next start on.
	policies bool
}

// instanceName is the name of the one instance that most tests have.
const instanceName = "db"

var placementOnce sync.Once

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, ns: env.Namespace(t), kind: newFakeKind(), policies: true}
	w.kubelet = env.Kubelet(w.ns)
	w.kind.answer(instanceName, healthy)
	placementOnce.Do(func() {
		policy := &petsetv1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Name: naming.DefaultPlacement}}
		if err := env.Client.Create(context.Background(), policy); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("create the PlacementPolicy: %v", err)
		}
	})
	w.start(&testenv.Faults{})
	return w
}

// start starts the controllers; their writes go through the faults.
func (w *world) start(faults *testenv.Faults) {
	w.Helper()
	byObject, err := CacheByObject([]database.Kind{w.kind})
	if err != nil {
		w.Fatal(err)
	}
	w.faults = faults
	_, w.stop = env.Manager(w, testenv.ManagerOptions{
		Namespace: w.ns, Faults: faults, Cache: byObject,
		Setup: func(mgr ctrl.Manager) error {
			direct, err := client.NewWithWatch(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
			if err != nil {
				return err
			}
			follower, err := kube.NewFollower(mgr.GetCache(), direct, Coverage())
			if err != nil {
				return err
			}
			if err := petset.SetupWithManager(mgr, petset.Options{}); err != nil {
				return err
			}
			return Setup(mgr, []database.Kind{w.kind}, Options{
				Follower: follower, Applier: kube.NewApplier(mgr.GetClient(), naming.FieldOwner),
				NetworkPolicies: w.policies, OperatorNamespace: "matriarch-system",
			})
		},
	})
}

// restart replaces the controllers as after a SIGKILL.
func (w *world) restart(faults *testenv.Faults) {
	w.Helper()
	w.stop()
	w.start(faults)
}

// option changes an instance.
type option func(*pgBouncer)

func replicas(n int32) option { return func(p *pgBouncer) { p.Spec.Replicas = ptr.To(n) } }

func policy(d sharedv1.DeletionPolicy) option {
	return func(p *pgBouncer) { p.Spec.DeletionPolicy = d }
}

func configured(secret string) option {
	return func(p *pgBouncer) {
		p.Spec.Configuration = &kubedbv1.PgBouncerConfiguration{ConfigurationSpec: sharedv1.ConfigurationSpec{SecretName: secret}}
	}
}

func halted(on bool) option { return func(p *pgBouncer) { p.Spec.Halted = on } }

// create makes the instance.
func (w *world) create(options ...option) {
	w.Helper()
	p := &pgBouncer{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: instanceName}}
	p.Spec.Version, p.Spec.DeletionPolicy = "1", sharedv1.DeletionPolicyDelete
	p.Spec.Database.DatabaseName = "app"
	p.Spec.Database.DatabaseRef = appcatalogv1alpha1.AppReference{Name: "pg", Namespace: w.ns}
	for _, o := range options {
		o(p)
	}
	w.make(p)
}

func (w *world) make(o client.Object) {
	w.Helper()
	if err := env.Client.Create(w.Context(), o); err != nil {
		w.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}

// change edits the instance.
func (w *world) change(options ...option) {
	w.Helper()
	p := w.instance()
	before := p.DeepCopy()
	for _, o := range options {
		o(p)
	}
	if err := env.Client.Patch(w.Context(), p, client.MergeFrom(before)); err != nil {
		w.Fatalf("change the instance: %v", err)
	}
}

func (w *world) instance() *pgBouncer {
	w.Helper()
	p := &pgBouncer{}
	if err := w.find(p, instanceName); err != nil {
		w.Fatalf("read the instance: %v", err)
	}
	return p
}

func (w *world) find(o client.Object, name string) error {
	return env.Client.Get(w.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, o)
}

// delete asks for the deletion of the instance.
func (w *world) delete(options ...client.DeleteOption) {
	w.Helper()
	if err := env.Client.Delete(w.Context(), w.instance(), options...); err != nil {
		w.Fatalf("delete the instance: %v", err)
	}
}

// becomes waits until the instance is in the phase.
func (w *world) becomes(phase sharedv1.DatabasePhase) {
	w.Helper()
	w.eventually(func() error {
		status := w.instance().Status
		if status.Phase != phase {
			return fmt.Errorf("the phase is %q, not %q: %+v", status.Phase, phase, status.Conditions)
		}
		return nil
	})
}

// says waits until the instance has the condition with that status and reason.
func (w *world) says(conditionType string, status metav1.ConditionStatus, reason string) {
	w.Helper()
	w.eventually(func() error {
		c := kube.FindCondition(w.instance().Status.Conditions, conditionType)
		if c == nil || c.Status != status || c.Reason != reason {
			return fmt.Errorf("condition %s is %+v", conditionType, c)
		}
		return nil
	})
}

// exists and goes wait until an object is there, or is not.
func (w *world) exists(o client.Object, name string) {
	w.Helper()
	w.eventually(func() error { return w.find(o, name) })
}

func (w *world) goes(o client.Object, name string) {
	w.Helper()
	w.eventually(func() error {
		env.Collect(w, w.ns)
		err := w.find(o, name)
		if err == nil {
			return fmt.Errorf("%T %s is still there: %v %v", o, name, o.GetFinalizers(), o.GetOwnerReferences())
		}
		return client.IgnoreNotFound(err)
	})
}

func (w *world) eventually(check func() error) {
	w.Helper()
	testenv.Eventually(w, func(context.Context) error { return check() })
}

// pgBouncer is the API type that the fake kind borrows.
type pgBouncer = kubedbv1.PgBouncer

var errNotYet = errors.New("not yet")

// items returns the objects of a list.
func items(list client.ObjectList) ([]client.Object, error) {
	var out []client.Object
	err := meta.EachListItem(list, func(o runtime.Object) error {
		out = append(out, o.(client.Object))
		return nil
	})
	return out, err
}

// leftovers are the objects that nothing may remain of after WipeOut.
func leftovers() map[string]client.Object {
	return map[string]client.Object{
		"db": &pgBouncer{}, "db-0": &corev1.Pod{}, "data-db-0": &corev1.PersistentVolumeClaim{}, "db-auth": &corev1.Secret{},
		"db-extra": &corev1.Secret{}, "db-leader": &coordinationv1.Lease{}, "db-pods": &corev1.Service{},
	}
}
