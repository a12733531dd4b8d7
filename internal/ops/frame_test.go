package ops

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

const (
	successful = opsv1alpha1.OpsRequestPhaseSuccessful
	failed     = opsv1alpha1.OpsRequestPhaseFailed
	pendingNow = opsv1alpha1.OpsRequestPhasePending
	skipped    = opsv1alpha1.OpsRequestPhaseSkipped
)

// last returns the last condition of a request.
func last(t *testing.T, request *opsv1alpha1.PgpoolOpsRequest) sharedv1.Condition {
	t.Helper()
	if len(request.Status.Conditions) == 0 {
		t.Fatalf("%s has no conditions", request.Name)
	}
	return request.Status.Conditions[len(request.Status.Conditions)-1]
}

func (w *world) wantPhase(request *opsv1alpha1.PgpoolOpsRequest, phase opsv1alpha1.OpsRequestPhase) {
	w.t.Helper()
	if request == nil || request.Status.Phase != phase {
		w.t.Fatalf("want phase %s: %s", phase, w.dump(request.GetName()))
	}
}

func (w *world) untouched(made map[string]int) {
	w.t.Helper()
	if diff := cmp.Diff(made, w.made); diff != "" {
		w.t.Errorf("pods made: %s", diff)
	}
	if _, paused := pausedBy(w.database().DatabaseStatus()); paused {
		w.t.Error("the database is paused")
	}
	if got := string(w.secret().Data[file]); got != "default=1\n" {
		w.t.Errorf("the configuration is %q", got)
	}
}

func TestAReconfigureByReloadLeavesTheseConditionsPlanAndMeasures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.ask("op", reconfigure("a=1\nsr_check_password=geheim\n"))
	request := w.drive(w.engine(w.client), "op")
	w.wantPhase(request, successful)
	want := []string{
		"Reconfigure", "DatabasePauseSucceeded", "UpdatePetSets", "ReloadPods", "UpdateDatabase", "Successful",
	}
	if diff := cmp.Diff(want, conditionsOf(request)); diff != "" {
		t.Error(diff)
	}
	plan := &opsv1alpha1.Plan{
		Summary: "2 parameters changed; 2 pods reloaded, none restarted",
		Changes: []opsv1alpha1.PlannedChange{
			{File: file, Parameter: "a", To: "1", Action: opsv1alpha1.ActionReload},
			{File: file, Parameter: "sr_check_password", To: "(not shown)", Action: opsv1alpha1.ActionReload},
		},
		Members: []opsv1alpha1.PlannedMember{
			{Name: "db-0", Action: opsv1alpha1.ActionReload, Reason: "a reload is enough"},
			{Name: "db-1", Action: opsv1alpha1.ActionReload, Reason: "a reload is enough"},
		},
	}
	if diff := cmp.Diff(plan, request.Status.Plan); diff != "" {
		t.Error(diff)
	}
	if d := request.Status.Disruption; d.PodsRestarted != 0 || d.PodsReloaded != 2 {
		t.Errorf("measured %+v", d)
	}
	if c := kube.FindCondition(request.Status.Conditions, "ReloadPods"); c.Reason != "ReloadPodsSucceeded" {
		t.Errorf("the reason is %s", c.Reason)
	}
	if c := last(t, request); c.Message != "done by op" {
		t.Errorf("the message is %q", c.Message)
	}
}

func TestARestartThatIsForbiddenIsLeftPendingAndSaidSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.ask("op", withRestart(reconfigure("restart_a=1\nb=2\n"), opsv1alpha1.ReconfigureRestartFalse))
	request := w.drive(w.engine(w.client), "op")
	w.wantPhase(request, successful)
	c := kube.FindCondition(request.Status.Conditions, "RestartPending")
	want := "restart is false: restart_a take effect when db-0, db-1 are restarted; a request of the type Restart does it"
	if c == nil || c.Message != want {
		t.Errorf("got %+v, want %q", c, want)
	}
	if got := request.Status.Plan.Changes[1].Action; got != opsv1alpha1.ActionLeavePending {
		t.Errorf("the plan says %s", got)
	}
}

func TestADryRunWritesThePlanAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	before := w.database()
	spec := reconfigure("restart_a=1\n")
	spec.DryRun = true
	w.ask("op", spec)
	request := w.drive(w.engine(w.client), "op")
	w.wantPhase(request, successful)
	if got := request.Status.Plan.Summary; got != "1 parameter changed; 2 pods restarted one after the other" {
		t.Errorf("the plan is %q", got)
	}
	w.untouched(map[string]int{"db-0": 1, "db-1": 1})
	if after := w.database(); after.ResourceVersion != before.ResourceVersion {
		t.Error("the database was written")
	}
}

func TestADryRunOfEveryOperationChangesNothing(t *testing.T) {
	t.Parallel()
	chosen := map[opsv1alpha1.OpsRequestType]scenario{}
	for _, sc := range scenarios() {
		if sc.phase == successful && (sc.tls == nil || sc.tls.before == "") {
			chosen[sc.spec.Type] = sc
		}
	}
	for operation := range recipes() {
		t.Run(string(operation), func(t *testing.T) {
			t.Parallel()
			sc, found := chosen[operation]
			if !found {
				t.Fatal("no scenario of it ends well")
			}
			w, spec := sc.world(t), sc.spec
			before := w.database()
			spec.DryRun = true
			w.ask("op", spec)
			request := w.drive(w.engine(w.client), "op")
			w.wantPhase(request, successful)
			if plan := request.Status.Plan; plan == nil || plan.Summary == "" || len(plan.Members) != 2 {
				t.Errorf("the plan is %+v", plan)
			}
			w.untouched(map[string]int{"db-0": 1, "db-1": 1})
			if after := w.database(); after.ResourceVersion != before.ResourceVersion || w.tried > 0 {
				t.Errorf("the database was written, or %d trials were run", w.tried)
			}
			if c := w.certificates; c != nil && c.issued > 0 {
				t.Errorf("%d certificates were issued", c.issued)
			}
		})
	}
}

func TestAnUpdateLeavesTheseConditionsAndPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.ask("op", update(newVersion))
	request := w.drive(w.engine(w.client), "op")
	w.wantPhase(request, successful)
	want := []string{"UpdateVersion", "DatabasePauseSucceeded", "TryVersion", "UpdatePetSets"}
	for _, pod := range []string{"db-0", "db-1"} {
		want = append(want, "GetPod--"+pod, "EvictPod--"+pod, "CheckPodRunning--"+pod)
	}
	want = append(want, "RestartPods", "UpdateDatabase", "Successful")
	if diff := cmp.Diff(want, conditionsOf(request)); diff != "" {
		t.Error(diff)
	}
	if got := request.Status.Plan.Summary; got != "version 4.3.5 becomes 4.6.1; 1 parameter changed; 2 pods restarted one after the other" {
		t.Errorf("the plan is %q", got)
	}
}

func TestTheServersWordsAboutAVersionReachTheRequest(t *testing.T) {
	t.Parallel()
	for version, says := range map[string]string{
		pickyVersion:   "the new version was tried in a throwaway pod: FATAL: I do not take this\nThe former state is in force.",
		missingVersion: "the new version cannot be run: container pgpool: ErrImagePull: no such image",
	} {
		w := newWorld(t, 1)
		w.ask("op", update(version))
		request := w.drive(w.engine(w.client), "op")
		w.wantPhase(request, failed)
		if c := last(t, request); !strings.Contains(c.Message, says) {
			t.Errorf("%s: the message is %q", version, c.Message)
		}
		w.untouched(map[string]int{"db-0": 1})
	}
}

func TestNothingToDoIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("first", reconfigure("a=1\n"))
	w.drive(w.engine(w.client), "first")
	before := w.database()
	w.ask("second", reconfigure("a=1\n"))
	request := w.drive(w.engine(w.client), "second")
	w.wantPhase(request, successful)
	if c := last(t, request); !strings.HasPrefix(c.Message, "nothing to do") {
		t.Errorf("the message is %q", c.Message)
	}
	if after := w.database(); after.ResourceVersion != before.ResourceVersion {
		t.Error("the database was written")
	}
}

func TestWhatCannotBeIsRefusedBeforeAnythingHappens(t *testing.T) {
	t.Parallel()
	missing := reconfigure("")
	missing.Configuration.ApplyConfig = nil
	missing.Configuration.ConfigSecret = &corev1.LocalObjectReference{Name: "nowhere"}
	nothing := reconfigure("")
	nothing.Configuration = nil
	cases := map[string]struct {
		spec         opsv1alpha1.PgpoolOpsRequestSpec
		reason, says string
	}{
		"an unknown parameter":       {reconfigure("unknown=1\n"), "InvalidRequest", `line 2: unknown = "1": no such parameter`},
		"a Secret that is not there": {missing, "InvalidRequest", "nowhere: not found"},
		"no section":                 {nothing, "InvalidRequest", "spec.configuration is missing"},
		"an older version":           {update(oldVersion), "InvalidRequest", "4.2.0 is older (4.2.0, now 4.3.5); allowed are 4.6.1, 4.6.2"},
		"a version that is not":      {update("9.9"), "InvalidRequest", `the catalog has no version "9.9"`},
		"no version":                 {update(""), "InvalidRequest", "spec.updateVersion.targetVersion is missing"},
		"an operation not in store":  {opsv1alpha1.PgpoolOpsRequestSpec{Type: opsv1alpha1.OpsRotateAuth}, "NotSupported", "RotateAuth is not supported for Pgpool"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.ask("op", tc.spec)
			request := w.drive(w.engine(w.client), "op")
			w.wantPhase(request, failed)
			c := last(t, request)
			if c.Type != "Failed" || c.Reason != tc.reason || !strings.Contains(c.Message, tc.says) {
				t.Errorf("the last condition is %+v, want %s: %s", c, tc.reason, tc.says)
			}
			w.untouched(map[string]int{"db-0": 1})
		})
	}
}

func TestARequestForADatabaseThatDoesNotExistFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	request := w.ask("op", restart())
	request.Spec.DatabaseRef.Name = "nobody"
	w.must(w.client.Update(w.ctx(), request))
	request = w.drive(w.engine(w.client), "op")
	w.wantPhase(request, failed)
	if c := last(t, request); c.Reason != "DatabaseNotFound" || !strings.Contains(c.Message, w.ns+"/nobody does not exist") {
		t.Errorf("the last condition is %+v", c)
	}
}

func TestOfSeveralRestartsOnlyTheNewestIsCarriedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("z-older", restart())
	w.ask("y-newer", restart()) // within one second the smaller name counts as newer
	older := w.drive(w.engine(w.client), "z-older")
	w.wantPhase(older, skipped)
	c := last(t, older)
	if c.Type != "Skipped" || c.Reason != "Skipped" || !strings.HasPrefix(c.Message, "skipped as "+w.ns+"/y-newer is the most updated PgpoolOpsRequest of type Restart at ") {
		t.Errorf("the last condition is %+v", c)
	}
	w.wantPhase(w.drive(w.engine(w.client), "y-newer"), successful)
	w.check(older, map[string]int{"db-0": 2})
}

func TestTwoReconfiguresRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("a", reconfigure("restart_a=1\n"))
	r := w.engine(w.client)
	for range 6 { // b asks while a is under way
		w.step(r, "a")
	}
	w.ask("b", reconfigure("restart_a=1\nrestart_b=1\n"))
	waiting, _ := w.step(r, "b")
	w.wantPhase(waiting, pendingNow)
	if got := waiting.Status.Journal.Waiting; !strings.Contains(got, "the request a") {
		t.Errorf("b waits for %q", got)
	}
	w.wantPhase(w.drive(r, "a"), successful)
	w.wantPhase(w.drive(r, "b"), successful)
	w.check(w.request("b"), map[string]int{"db-0": 3})
}

func TestIfReadyWaitsAndAlwaysDoesNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	pool := w.database()
	pool.Status.Phase = sharedv1.PhaseNotReady
	w.must(w.client.Status().Update(w.ctx(), pool))
	w.ask("patient", reconfigure("a=1\n"))
	always := restart()
	always.Apply = opsv1alpha1.ApplyAlways
	w.ask("urgent", always)
	r := w.engine(w.client)
	waiting, _ := w.step(r, "patient")
	w.wantPhase(waiting, pendingNow)
	w.wantPhase(w.drive(r, "urgent"), successful)
	pool = w.database()
	pool.Status.Phase = sharedv1.PhaseReady
	w.must(w.client.Status().Update(w.ctx(), pool))
	w.wantPhase(w.drive(r, "patient"), successful)
}

func TestAPauseBySomebodyElseIsRespected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	pool := w.database()
	byHand := sharedv1.Condition{Type: sharedv1.ConditionPaused, Status: metav1.ConditionTrue, Reason: "Maintenance", Message: "by hand"}
	kube.SetCondition(&pool.Status.Conditions, byHand, metav1.Now())
	w.must(w.client.Status().Update(w.ctx(), pool))
	w.ask("op", restart())
	r := w.engine(w.client)
	for range 3 {
		waiting, _ := w.step(r, "op")
		w.wantPhase(waiting, pendingNow)
	}
	if c := kube.FindCondition(w.database().Status.Conditions, sharedv1.ConditionPaused); c == nil || c.Message != "by hand" {
		t.Fatalf("the pause is now %+v", c)
	}
	pool = w.database()
	kube.RemoveCondition(&pool.Status.Conditions, sharedv1.ConditionPaused)
	w.must(w.client.Status().Update(w.ctx(), pool))
	w.wantPhase(w.drive(r, "op"), successful)
}

func TestAPauseWhoseRequestIsGoneIsLifted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("op", restart())
	r := w.engine(w.client)
	for w.request("op").Status.Phase != opsv1alpha1.OpsRequestPhaseProgressing {
		w.step(r, "op")
	}
	request := w.request("op")
	request.Finalizers = nil // by force
	w.must(w.client.Update(w.ctx(), request))
	w.must(w.client.Delete(w.ctx(), request))
	w.step(r, "op")
	if h, paused := pausedBy(w.database().DatabaseStatus()); paused {
		t.Errorf("still paused by %+v", h)
	}
}

func TestADisruptionBudgetIsWaitedForAndNeverOverruled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "users"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: ptr.To(intstr.FromInt32(1)),
			Selector:     &metav1.LabelSelector{MatchLabels: naming.Selector(naming.NamePgpool, dbName)},
		},
	}
	w.must(w.client.Create(w.ctx(), budget))
	budget.Status = policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1, CurrentHealthy: 1, DesiredHealthy: 1, ExpectedPods: 1}
	w.must(w.client.Status().Update(w.ctx(), budget)) // what the disruption controller says of it
	w.ask("op", restart())
	request := w.drive(w.engine(w.client), "op")
	w.wantPhase(request, failed)
	if c := last(t, request); c.Reason != "TimedOut" || !strings.Contains(c.Message, "a PodDisruptionBudget to allow the eviction of pod db-0") {
		t.Errorf("the last condition is %+v", c)
	}
	w.check(request, map[string]int{"db-0": 1})
}

func TestAPodThatDoesNotComeBackFailsTheRequestWithItsLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.stuck["db-0"] = true
	spec := restart()
	spec.Timeout = &metav1.Duration{Duration: time.Minute}
	w.ask("op", spec)
	started := w.now()
	request := w.drive(w.engine(w.client), "op")
	w.wantPhase(request, failed)
	c := last(t, request)
	for _, want := range []string{
		"step RestartPods did not end within 1m0s", "FATAL: log of db-0/pgpool", "could not be restored completely", "spec.timeout",
	} {
		if !strings.Contains(c.Message, want) {
			t.Errorf("%q is not in the message: %s", want, c.Message)
		}
	}
	w.check(request, map[string]int{"db-0": 2, "db-1": 1})
	if took := w.now().Sub(started); took > 3*time.Minute {
		t.Errorf("it took %s to give up a step of a minute and its undoing", took)
	}
}

func TestEventsAreToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("op", reconfigure("restart_a=1\n"))
	r := w.engine(w.client)
	for range 100 {
		request, _ := w.step(r, "op")
		if request.Status.Phase.Finished() {
			break
		}
		w.tick()
		r = w.engine(w.client) // each step by an operator that was just started
	}
	var list corev1.EventList
	w.must(w.client.List(w.ctx(), &list, client.InNamespace(w.ns)))
	var got []string
	for _, e := range list.Items {
		if e.InvolvedObject.Name != "op" || e.Count != 1 || e.Type != corev1.EventTypeNormal {
			t.Errorf("event %+v", e)
		}
		got = append(got, e.Reason+": "+e.Message)
	}
	slices.Sort(got)
	db, op := w.ns+"/db", w.ns+"/op"
	want := []string{
		"ReloadPodsSucceeded: reloaded",
		"RestartPods: restarted",
		"Starting: Pausing Pgpool database: " + db,
		"Starting: Resuming Pgpool database: " + db,
		"Starting: Start processing for PgpoolOpsRequest: " + op,
		"Successful: Successfully paused Pgpool database: " + db + " for PgpoolOpsRequest: op",
		"Successful: Successfully resumed Pgpool database: " + db + " for PgpoolOpsRequest: op",
		"UpdateDatabase: spec written",
		"UpdatePetSets: objects of " + db + " written",
	}
	for _, step := range []string{"check pod running", "evict pod", "get pod"} {
		text := step + "; ConditionStatus:True; PodName:db-0"
		want = append(want, text+": "+text)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnEditOfTheSpecDuringTheOperationIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("op", reconfigure("restart_a=1\n"))
	r := w.engine(w.client)
	for !kube.ConditionTrue(w.request("op").Status.Conditions, "ReloadPods") {
		w.step(r, "op")
		w.tick()
	}
	pool := w.database()
	pool.Spec.Configuration = nil
	after, err := fakeKind{}.Reconfigure(fakeInstance{pool}, database.ConfigChange{Apply: map[string]string{file: "mine=1\n"}})
	w.must(err)
	w.must(w.client.Update(w.ctx(), after.Object()))
	request := w.drive(r, "op")
	w.wantPhase(request, failed)
	if c := last(t, request); c.Reason != "ChangedMeanwhile" {
		t.Errorf("the last condition is %+v", c)
	}
	if got := w.database().Spec.Configuration.Inline[file]; got != "mine=1\n" {
		t.Errorf("the edit became %q", got)
	}
}

func TestAGroupThatComesIntoTheSpecDuringTheOperationIsLeftToTheProvisioner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.ask("op", reconfigure("a=1\n"))
	r := w.engine(w.client)
	for !kube.ConditionTrue(w.request("op").Status.Conditions, "DatabasePauseSucceeded") {
		w.step(r, "op")
	}
	pool := w.database()
	pool.Annotations = map[string]string{groupAnnotation: "reports"}
	w.must(w.client.Update(w.ctx(), pool))
	w.wantPhase(w.drive(r, "op"), successful)
	if _, paused := pausedBy(w.database().DatabaseStatus()); paused {
		t.Error("the database is paused")
	}
}

func TestFilesThatAStrayWriterPutBackAreWrittenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	former := w.secret()
	w.ask("op", reconfigure("a=1\n"))
	r := w.engine(w.client)
	for !kube.ConditionTrue(w.request("op").Status.Conditions, "UpdatePetSets") {
		w.step(r, "op")
	}
	stray := w.secret()
	stray.Data = former.Data
	w.must(w.client.Update(w.ctx(), stray))
	w.wantPhase(w.drive(r, "op"), successful)
	if got := string(w.secret().Data[file]); got != "default=1\na=1\n" {
		t.Errorf("the configuration is %q", got)
	}
}

func TestADatabaseDeletedAtAnyWriteIsNotBroughtBack(t *testing.T) {
	t.Parallel()
	sc := scenarios()["reload and restart"]
	atEveryWrite(t, "reload and restart", sc, func(t *testing.T, w *world, n int) {
		t.Helper()
		gone := false
		r := w.engine(beforeWrite(t, n, func() {
			gone = true
			w.must(w.client.Delete(w.ctx(), w.secret()))
			set := &petsetv1.PetSet{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: dbName}}
			w.must(w.client.Delete(w.ctx(), set))
			w.must(w.client.Delete(w.ctx(), w.database()))
		}))
		var request *opsv1alpha1.PgpoolOpsRequest
		for range 50 {
			request, _ = w.step(r, "op")
			if request.Status.Phase.Finished() && len(request.Finalizers) == 0 {
				break
			}
			if !gone {
				w.tick()
			}
		}
		if !request.Status.Phase.Finished() {
			t.Fatalf("no end: %s", w.dump("op"))
		}
		for _, obj := range []client.Object{&corev1.Secret{}, &petsetv1.PetSet{}} {
			key := client.ObjectKey{Namespace: w.ns, Name: dbName}
			if _, isSecret := obj.(*corev1.Secret); isSecret {
				key.Name = naming.ConfigSecret(dbName, w.uid)
			}
			if err := w.client.Get(w.ctx(), key, obj); client.IgnoreNotFound(err) != nil || err == nil {
				t.Errorf("%T %s was brought back (%v)", obj, key.Name, err)
			}
		}
	})
}

func TestARequestDeletedAtAnyWriteLeavesAConsistentDatabase(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"reload and restart", "restart", "update", "tls removed"} {
		sc := scenarios()[name]
		atEveryWrite(t, name, sc, func(t *testing.T, w *world, n int) {
			t.Helper()
			r := w.engine(beforeWrite(t, n, func() { w.must(w.client.Delete(w.ctx(), w.request("op"))) }))
			if request := w.drive(r, "op"); request != nil {
				t.Fatalf("the request is still there: %s", w.dump("op"))
			}
			for w.tick() {
			}
			if h, paused := pausedBy(w.database().DatabaseStatus()); paused {
				t.Errorf("the database is still paused by %+v", h)
			}
			w.consistent()
		})
	}
}

func (w *world) configSecret(name, text string) {
	w.t.Helper()
	w.must(w.client.Create(w.ctx(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name}, Data: map[string][]byte{file: []byte(text)},
	}))
}

func useSecret(name string) opsv1alpha1.PgpoolOpsRequestSpec {
	spec := reconfigure("")
	spec.Configuration.ApplyConfig = nil
	spec.Configuration.ConfigSecret = &corev1.LocalObjectReference{Name: name}
	return spec
}

func TestAnotherSecretTakesThePlaceOfTheFormer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.configSecret("mine", "a=1\n")
	w.ask("op", useSecret("mine"))
	w.wantPhase(w.drive(w.engine(w.client), "op"), successful)
	if got := string(w.secret().Data[file]); got != "default=1\na=1\n" {
		t.Errorf("the configuration is %q", got)
	}
	w.consistent()
	remove := reconfigure("")
	remove.Configuration.ApplyConfig, remove.Configuration.RemoveCustomConfig = nil, true
	w.ask("back", remove)
	w.wantPhase(w.drive(w.engine(w.client), "back"), successful)
	if c := w.database().Spec.Configuration; c != nil {
		t.Errorf("spec.configuration is %+v", c)
	}
	w.consistent()
}

func TestAnEditOfTheSecretDuringTheOperationIsRefused(t *testing.T) {
	t.Parallel()
	for name, until := range map[string]string{
		"before the files are written": opsv1alpha1.ConditionDatabasePauseSucceeded, "after they are written": "UpdatePetSets",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			w.configSecret("mine", "restart_a=1\n")
			w.ask("op", useSecret("mine"))
			edit := func() {
				var secret corev1.Secret
				w.must(w.client.Get(w.ctx(), client.ObjectKey{Namespace: w.ns, Name: "mine"}, &secret))
				secret.Data[file] = []byte("restart_a=2\n")
				w.must(w.client.Update(w.ctx(), &secret))
			}
			if until == opsv1alpha1.ConditionDatabasePauseSucceeded { // the write with which the operation begins, and no further
				var faults testenv.Faults
				faults.FailNth(6, testenv.After, errKilled)
				w.driveUntil(w.engine(faulty(t, &faults)), func() bool { return faults.Fired() > 0 })
			}
			r := w.engine(w.client)
			for !kube.ConditionTrue(w.request("op").Status.Conditions, until) {
				w.step(r, "op")
			}
			edit()
			request := w.drive(r, "op")
			w.wantPhase(request, failed)
			if c := last(t, request); c.Reason != "ChangedMeanwhile" {
				t.Errorf("the last condition is %+v", c)
			}
			for w.tick() {
			}
			if got := string(w.secret().Data[file]); got != "default=1\n" {
				t.Errorf("the configuration is %q", got)
			}
			w.consistent()
		})
	}
}

func TestFormerFilesThatCannotBeRenderedAnyMoreAreTakenFromTheSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.configSecret("mine", "a=1\n")
	w.ask("first", useSecret("mine"))
	r := w.engine(w.client)
	w.wantPhase(w.drive(r, "first"), successful)
	w.configSecret("bad", "refused=1\n")
	w.ask("op", useSecret("bad"))
	for !kube.ConditionTrue(w.request("op").Status.Conditions, "UpdatePetSets") {
		w.step(r, "op")
	}
	w.must(w.client.Delete(w.ctx(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "mine"}}))
	request := w.drive(r, "op")
	w.wantPhase(request, failed)
	c := last(t, request)
	if c.Reason != "ConfigurationRejected" || !strings.Contains(c.Message, `unrecognized parameter "refused"`) ||
		!strings.Contains(c.Message, "mine: not found") {
		t.Errorf("the last condition is %+v", c)
	}
	if got := string(w.secret().Data[file]); got != "default=1\na=1\n" {
		t.Errorf("the configuration is %q", got)
	}
}

func TestFormerFilesComeBackWithWhatTheyNameByNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.ask("op", reconfigure("refused=1\n"))
	r := w.engine(w.client)
	for !strings.Contains(string(w.secret().Data[file]), "refused") {
		w.step(r, "op")
	}
	pool := w.database()
	metav1.SetMetaDataAnnotation(&pool.ObjectMeta, authorityAnnotation, "theirs")
	w.must(w.client.Update(w.ctx(), pool))
	request := w.drive(r, "op")
	w.wantPhase(request, failed)
	if c := last(t, request); c.Reason != "ConfigurationRejected" || strings.Contains(c.Message, "could not be restored") {
		t.Errorf("the last condition is %+v", c)
	}
	w.consistent()
	w.check(request, map[string]int{"db-0": 1, "db-1": 1})
}
