package ops

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// requests returns all requests of the world by name.
func (w *world) requests() map[string]*opsv1alpha1.PgpoolOpsRequest {
	w.t.Helper()
	var list opsv1alpha1.PgpoolOpsRequestList
	w.must(w.client.List(w.ctx(), &list, client.InNamespace(w.ns)))
	found := map[string]*opsv1alpha1.PgpoolOpsRequest{}
	for i := range list.Items {
		found[list.Items[i].Name] = &list.Items[i]
	}
	return found
}

// driveAll lets engine and world take turns until every request is over.
func (w *world) driveAll(r *Reconciler) map[string]*opsv1alpha1.PgpoolOpsRequest {
	w.t.Helper()
	for range 300 {
		over, next := true, time.Duration(0)
		for name, request := range w.requests() {
			if request.Status.Phase.Finished() && len(request.Finalizers) == 0 {
				continue
			}
			over = false
			_, result := w.step(r, name)
			if result.RequeueAfter > 0 && (next == 0 || result.RequeueAfter < next) {
				next = result.RequeueAfter
			}
		}
		if over {
			return w.requests()
		}
		if !w.tick() && next > 0 {
			w.pass(next)
		}
	}
	for name := range w.requests() {
		w.t.Log(w.dump(name))
	}
	w.t.Fatal("the requests come to no end")
	return nil
}

// merged returns the requests that were merged from others, by what from.
func merged(requests map[string]*opsv1alpha1.PgpoolOpsRequest) map[string]*opsv1alpha1.PgpoolOpsRequest {
	found := map[string]*opsv1alpha1.PgpoolOpsRequest{}
	for _, request := range requests {
		var names []string
		for _, o := range mergedFrom(request) {
			names = append(names, o.Name)
		}
		if len(names) > 0 {
			found[strings.Join(names, ",")] = request
		}
	}
	return found
}

// askBoth creates two Reconfigures that change the same parameter.
func (w *world) askBoth() {
	w.t.Helper()
	first := reconfigure("restart_a=1\nx=1\n")
	first.Timeout, first.MaxRetries = &metav1.Duration{Duration: 20 * time.Minute}, ptr.To[int32](3)
	w.ask("a", first)
	w.ask("b", reconfigure("x=2\n"))
}

// bothDone asserts the outcome of askBoth.
func (w *world) bothDone(requests map[string]*opsv1alpha1.PgpoolOpsRequest) {
	w.t.Helper()
	for w.tick() {
	}
	for _, name := range []string{"a", "b"} {
		w.wantPhase(requests[name], skipped)
	}
	one := merged(requests)["a,b"]
	if one == nil || len(requests) != 3 {
		w.t.Fatalf("there are %v", slices.Collect(maps.Keys(requests)))
	}
	w.wantPhase(one, successful)
	w.check(one, map[string]int{"db-0": 2})
	w.consistent()
	if got := string(w.secret().Data[file]); got != "default=1\nrestart_a=1\nx=2\n" {
		w.t.Errorf("the configuration is %q", got)
	}
}

func TestPendingReconfiguresAreMergedAndTheLaterOneWinsKeyByKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.askBoth()
	requests := w.driveAll(w.engine(w.client))
	w.bothDone(requests)
	one := merged(requests)["a,b"]
	if !strings.HasPrefix(one.Name, "db-rcfg-merged-") {
		t.Errorf("the name is %s", one.Name)
	}
	for _, name := range []string{"a", "b"} {
		want := fmt.Sprintf("Configuration merged into newly created ops request %s/%s", w.ns, one.Name)
		if c := last(t, requests[name]); c.Type != "Skipped" || c.Reason != "ConfigurationMerged" || c.Message != want {
			t.Errorf("%s ends with %+v", name, c)
		}
	}
	from := kube.FindCondition(one.Status.Conditions, "MergedFromOps")
	if from == nil || from.Reason != "ConfigurationMerged" || from.Message != "a,b" {
		t.Errorf("MergedFromOps is %+v", from)
	}
	if c := kube.FindCondition(one.Status.Conditions, "OriginalOpsSkipped"); c == nil || c.Message != "All original ops requests have been marked as Skipped" {
		t.Errorf("OriginalOpsSkipped is %+v", c)
	}
	if one.Spec.Timeout == nil || one.Spec.Timeout.Duration != 20*time.Minute || *one.Spec.MaxRetries != 1 || one.Spec.Apply != opsv1alpha1.ApplyIfReady {
		t.Errorf("timeout, retries and gate are %v, %d, %s", one.Spec.Timeout, *one.Spec.MaxRetries, one.Spec.Apply)
	}
}

func TestAMergerKilledAtAnyWriteMergesOnceAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.askBoth()
	var counted testenv.Faults
	w.driveAll(w.engine(faulty(t, &counted)))
	for n := range len(counted.Writes()) {
		t.Run(fmt.Sprintf("write %d", n+1), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.askBoth()
			var faults testenv.Faults
			faults.FailNth(n+1, testenv.After, errKilled)
			for later := n + 2; later < n+50; later++ {
				faults.FailNth(later, testenv.Before, errKilled)
			}
			r := w.engine(faulty(t, &faults))
			for range 100 {
				for name := range w.requests() {
					if faults.Fired() == 0 {
						w.step(r, name)
					}
				}
				if faults.Fired() > 0 {
					break
				}
				w.tick()
			}
			w.bothDone(w.driveAll(w.engine(w.client)))
		})
	}
}

func TestARequestThatComesAfterTheMergerIsNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.askBoth()
	r := w.engine(w.client)
	w.step(r, "a")
	if len(merged(w.requests())) != 1 {
		t.Fatalf("nothing was merged: %s", w.dump("a"))
	}
	w.ask("c", reconfigure("x=3\n"))
	requests := w.driveAll(r)
	if got := string(w.secret().Data[file]); got != "default=1\nrestart_a=1\nx=3\n" {
		t.Errorf("the configuration is %q", got)
	}
	if w.made["db-0"] != 2 {
		t.Errorf("%d pods were made", w.made["db-0"])
	}
	for _, name := range []string{"a", "b", "c"} {
		if phase := requests[name].Status.Phase; phase != skipped {
			t.Errorf("%s is %s", name, phase)
		}
	}
}

func TestRequestsThatDoNotGoTogetherRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	always := reconfigure("x=2\n")
	always.Apply = opsv1alpha1.ApplyAlways
	backend := func(text string) opsv1alpha1.PgpoolOpsRequestSpec {
		spec := reconfigure(text)
		spec.Configuration.Backend = &opsv1alpha1.BackendChange{Sync: []kubedbv1alpha2.Backend{{GroupName: "PRIMARY", Weight: 1}}}
		return spec
	}
	for name, c := range map[string]struct {
		first, second opsv1alpha1.PgpoolOpsRequestSpec
	}{
		"another restart mode": {reconfigure("x=1\n"), withRestart(reconfigure("x=2\n"), opsv1alpha1.ReconfigureRestartFalse)},
		"another gate":         {reconfigure("x=1\n"), always},
		"both have what the engine does not know of": {backend("x=1\n"), backend("x=2\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.ask("a", c.first)
			w.ask("b", c.second)
			requests := w.driveAll(w.engine(w.client))
			w.wantPhase(requests["a"], successful)
			w.wantPhase(requests["b"], successful)
			if got := string(w.secret().Data[file]); got != "default=1\nx=2\n" {
				t.Errorf("the configuration is %q", got)
			}
		})
	}
}

func TestAMergedRequestAsksForWhatItsOriginalsWouldHaveLeft(t *testing.T) {
	t.Parallel()
	removing := reconfigure("b=2\n")
	removing.Configuration.RemoveCustomConfig = true
	secret := opsv1alpha1.PgpoolOpsRequestSpec{Type: opsv1alpha1.OpsReconfigure, Configuration: &opsv1alpha1.PgpoolReconfigurationSpec{}}
	secret.Configuration.ConfigSecret = &corev1.LocalObjectReference{Name: "mine"}
	for name, c := range map[string]struct {
		asked []opsv1alpha1.PgpoolOpsRequestSpec
		want  opsv1alpha1.ReconfigurationSpec
	}{
		"removing drops what came before": {
			[]opsv1alpha1.PgpoolOpsRequestSpec{reconfigure("a=1\n"), removing, reconfigure("c=3\n")},
			opsv1alpha1.ReconfigurationSpec{RemoveCustomConfig: true, ApplyConfig: map[string]string{file: "b=2\nc=3\n"}},
		},
		"a Secret goes with settings": {
			[]opsv1alpha1.PgpoolOpsRequestSpec{reconfigure("a=1\n"), secret},
			opsv1alpha1.ReconfigurationSpec{ConfigSecret: &corev1.LocalObjectReference{Name: "mine"}, ApplyConfig: map[string]string{file: "a=1\n"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			var names []string
			for i, spec := range c.asked {
				names = append(names, string(rune('a'+i)))
				w.ask(names[i], spec)
			}
			w.step(w.engine(w.client), "a")
			one := merged(w.requests())[strings.Join(names, ",")]
			if one == nil {
				t.Fatalf("nothing was merged: %s", w.dump("a"))
			}
			got := one.Spec.Configuration.ReconfigurationSpec
			got.Restart = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
