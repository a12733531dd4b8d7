package provision

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestAnInstanceBecomesReadyWithAllItsObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(replicas(3))
	w.becomes(sharedv1.PhaseReady)

	in := w.instance()
	for name, o := range map[string]client.Object{
		"db": &petsetv1.PetSet{}, "db-pods": &corev1.Service{}, "db-standby": &corev1.Service{},
		"db-auth": &corev1.Secret{}, "db-extra": &corev1.Secret{}, naming.ConfigSecret("db", string(in.UID)): &corev1.Secret{},
		"db-leader": &coordinationv1.Lease{},
	} {
		w.exists(o, name)
	}
	for _, o := range []client.Object{
		&corev1.Service{}, &corev1.ServiceAccount{}, &rbacv1.Role{}, &rbacv1.RoleBinding{},
		&policyv1.PodDisruptionBudget{}, &appcatalogv1alpha1.AppBinding{},
	} {
		w.exists(o, "db")
		if len(o.GetOwnerReferences()) != 1 {
			t.Errorf("%T db has owners %v, want exactly one", o, o.GetOwnerReferences())
		}
	}
	var order []string
	for _, c := range in.Status.Conditions {
		order = append(order, c.Type+"="+string(c.Status))
	}
	want := "ProvisioningStarted=True ReplicaReady=True AcceptingConnection=True DatabaseReadAccess=True " +
		"DatabaseWriteAccess=True Ready=True Provisioned=True"
	if got := strings.Join(order, " "); got != want {
		t.Errorf("conditions are\n%s\nwant\n%s", got, want)
	}
}

func TestAnIdleInstanceCausesNoWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(replicas(2), func(p *pgBouncer) { p.Spec.HealthChecker.PeriodSeconds = ptr.To[int32](1) })
	w.becomes(sharedv1.PhaseReady)
	w.settles()
	before := len(w.faults.Writes())
	probes := w.kind.probed(instanceName)
	w.eventually(func() error { // several passes of the prober, and a pass of the reconciler for a change that means nothing
		if n := w.kind.probed(instanceName); n < probes+2 {
			return fmt.Errorf("probed %d times", n-probes)
		}
		return nil
	})
	w.touch(&corev1.Service{}, "db-pods", false)
	w.settles()
	if writes := w.faults.Writes()[before:]; len(writes) > 0 {
		t.Errorf("an idle instance wrote %v", writes)
	}
}

func TestARestartedOperatorAppliesEachObjectOnceAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create()
	w.becomes(sharedv1.PhaseReady)
	w.settles()
	before := w.versions()
	w.restart(w.faults)
	w.settles()
	if after := w.versions(); !slices.Equal(before, after) {
		t.Errorf("the restart changed objects:\nbefore %v\nafter  %v", before, after)
	}
}

func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create()
	w.becomes(sharedv1.PhaseReady)

	w.touch(&corev1.Service{}, "db", true)
	w.eventually(func() error {
		svc := &corev1.Service{}
		if err := w.find(svc, "db"); err != nil {
			return err
		}
		if svc.Spec.Selector[naming.LabelInstance] != "db" || svc.Labels[naming.LabelComponent] != "fake" {
			return fmt.Errorf("the selector is %v, the labels are %v", svc.Spec.Selector, svc.Labels)
		}
		return nil
	})
	binding := &appcatalogv1alpha1.AppBinding{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "db"}}
	if err := env.Client.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	w.exists(&appcatalogv1alpha1.AppBinding{}, "db")
}

func TestWhatASmallerInstanceHasNoUseForGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(replicas(3))
	w.becomes(sharedv1.PhaseReady)
	w.change(replicas(1))
	w.goes(&corev1.Service{}, "db-standby")
	w.goes(&policyv1.PodDisruptionBudget{}, "db")
}

func TestAServiceThatOnlyHasTheNameStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "db-standby"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
	})
	w.kubelet.Serve(t)
	w.create(replicas(1))
	w.becomes(sharedv1.PhaseReady)
	w.exists(&corev1.Service{}, "db-standby")
}

func TestAMissingDependencyIsSaidAndItsAppearanceNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(configured("mine"))
	w.says(sharedv1.ConditionDatabaseDependencyReady, metav1.ConditionFalse, sharedv1.ReasonFailedToEnsureDependency)
	if err := w.find(&petsetv1.PetSet{}, "db"); client.IgnoreNotFound(err) != nil || err == nil {
		t.Fatalf("the PetSet was made although a dependency is missing (%v)", err)
	}
	w.make(w.userSecret("mine", "work = 1"))
	w.becomes(sharedv1.PhaseReady)
	if c := w.condition(sharedv1.ConditionDatabaseDependencyReady); c != nil {
		t.Errorf("condition %+v is still there", c)
	}
}

func TestAChangeOfTheUsersSecretReachesTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.make(w.userSecret("mine", "work = 1"))
	w.create(configured("mine"))
	w.becomes(sharedv1.PhaseReady)
	w.report(report.HashFiles(map[string][]byte{"text": []byte("work = 1")}), "")

	begin := time.Now()
	w.edit(&corev1.Secret{}, "mine", func(o client.Object) { o.(*corev1.Secret).Data["text"] = []byte("work = 2") })
	w.configuration("text", "work = 2")
	w.configuration("text"+naming.PrevSuffix, "work = 1")
	t.Logf("it took %s", time.Since(begin))
	w.says(database.ConditionConfigurationApplied, metav1.ConditionFalse, database.ReasonConfigurationPropagates)
	w.report(report.HashFiles(map[string][]byte{"text": []byte("work = 2")}), "")
	w.says(database.ConditionConfigurationApplied, metav1.ConditionTrue, database.ReasonConfigurationInForce)
}

func TestARefusedConfigurationIsSaidInTheServersWordsAndNeverBecomesTheFormerOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.make(w.userSecret("mine", "good = 1"))
	w.create(configured("mine"))
	w.becomes(sharedv1.PhaseReady)
	good := report.HashFiles(map[string][]byte{"text": []byte("good = 1")})
	w.report(good, "")

	w.edit(&corev1.Secret{}, "mine", func(o client.Object) { o.(*corev1.Secret).Data["text"] = []byte("bad = 1") })
	w.configuration("text", "bad = 1")
	w.report(good, report.HashFiles(map[string][]byte{"text": []byte("bad = 1")}))
	w.says(database.ConditionConfigurationApplied, metav1.ConditionFalse, database.ReasonConfigurationRejected)
	if c := w.condition(database.ConditionConfigurationApplied); !strings.Contains(c.Message, "unrecognized parameter") {
		t.Errorf("the message lacks the server's words: %s", c.Message)
	}
	w.edit(&corev1.Secret{}, "mine", func(o client.Object) { o.(*corev1.Secret).Data["text"] = []byte("other = 1") })
	w.configuration("text", "other = 1")
	w.configuration("text"+naming.PrevSuffix, "good = 1")
}

func TestAnUnusableConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.make(w.userSecret("mine", "good = 1"))
	w.create(configured("mine"))
	w.becomes(sharedv1.PhaseReady)
	w.edit(&corev1.Secret{}, "mine", func(o client.Object) { o.(*corev1.Secret).Data["text"] = []byte("broken") })
	w.says(database.ConditionConfigurationApplied, metav1.ConditionFalse, database.ReasonConfigurationUnusable)
	w.configuration("text", "good = 1")
	w.becomes(sharedv1.PhaseReady)
}

func TestWhatCanBeDoneWithoutIsSaidAndKeepsNothingFromBeingDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.make(w.userSecret("mine", "lacks a backend"))
	w.create(configured("mine"))
	w.becomes(sharedv1.PhaseReady)
	w.says(sharedv1.ConditionDatabaseDependencyReady, metav1.ConditionFalse, sharedv1.ReasonFailedToEnsureDependency)
	if c := w.condition(sharedv1.ConditionDatabaseDependencyReady); c.Message != "waiting for a backend" {
		t.Errorf("it says %q", c.Message)
	}
	w.edit(&corev1.Secret{}, "mine", func(o client.Object) { o.(*corev1.Secret).Data["text"] = []byte("good = 1") })
	w.configuration("text", "good = 1")
	w.eventually(func() error {
		if c := w.condition(sharedv1.ConditionDatabaseDependencyReady); c != nil {
			return fmt.Errorf("it still says %q", c.Message)
		}
		return nil
	})
}

func TestAServiceAccountOfTheUsersIsUsedUntouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.make(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "db"}})
	w.kubelet.Serve(t)
	w.create()
	w.becomes(sharedv1.PhaseReady)
	account := &corev1.ServiceAccount{}
	w.exists(account, "db")
	if len(account.Labels)+len(account.OwnerReferences) > 0 {
		t.Errorf("the account was touched: %+v", account.ObjectMeta)
	}
	if err := w.find(&rbacv1.Role{}, "db"); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("a Role was made for a foreign account (%v)", err)
	}
}

func TestAPausedInstanceGetsNothingButStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.make(w.userSecret("mine", "work = 1"))
	w.create(configured("mine"))
	w.becomes(sharedv1.PhaseReady)
	w.settles()
	w.pause(true)
	w.edit(&corev1.Secret{}, "mine", func(o client.Object) { o.(*corev1.Secret).Data["text"] = []byte("work = 2") })
	w.change(replicas(2))
	w.kind.answer(instanceName, database.Health{Message: "gone"})
	w.becomes(sharedv1.PhaseNotReady) // the status is kept up to date
	w.configuration("text", "work = 1")
	set := &petsetv1.PetSet{}
	w.exists(set, "db")
	if *set.Spec.Replicas != 1 {
		t.Errorf("the PetSet was changed while the instance was paused")
	}
	w.pause(false)
	w.configuration("text", "work = 2")
}

func TestTheInitialisationIsMarkedAsDoneOnceTheInstanceWasReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kind.answer(instanceName, unreachable)
	w.kubelet.Serve(t)
	w.create(func(p *pgBouncer) { p.Spec.Init = &sharedv1.InitSpec{WaitForInitialRestore: true} })
	w.says(sharedv1.ConditionReplicaReady, metav1.ConditionTrue, sharedv1.ReasonAllReplicasReady)
	w.settles()
	if w.instance().Spec.Init.Initialized {
		t.Error("it was marked before the instance was ready")
	}
	w.kind.answer(instanceName, healthy)
	w.eventually(func() error {
		if !w.instance().Spec.Init.Initialized {
			return errNotYet
		}
		return nil
	})
}
