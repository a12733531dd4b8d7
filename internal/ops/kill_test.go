package ops

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// scenario is one operation from beginning to end, and what there is to see afterwards.
type scenario struct {
	reason   string
	replicas int
	// clustered: db-0 is the primary, the others follow it.
	clustered bool
	// tls is set where there is a cert-manager.
	tls   *certified
	spec  opsv1alpha1.PgpoolOpsRequestSpec
	phase opsv1alpha1.OpsRequestPhase
	// failure is the reason of the condition Failed.
	failure string
	// made is how many pods of each name there were in all.
	made map[string]int
	// kill is set for those that are gone through once for each write, with the operator killed there.
	kill bool
	// version is what the database and all pods have at the end; empty is the present one.
	version string
	// tried is whether a throwaway pod was run.
	tried bool
	// file is the content of the configuration file that is in force everywhere at the end.
	file string
}

func withRestart(spec opsv1alpha1.PgpoolOpsRequestSpec, mode opsv1alpha1.ReconfigureRestart) opsv1alpha1.PgpoolOpsRequestSpec {
	spec.Configuration.Restart = mode
	return spec
}

func scenarios() map[string]scenario {
	all := tlsScenarios()
	maps.Copy(all, map[string]scenario{
		"restart": {
			kill: true, reason: "a Restart replaces every pod once", replicas: 2, spec: restart(),
			phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made:  map[string]int{"db-0": 2, "db-1": 2}, file: "default=1\n",
		},
		"reload": {
			reason: "what a reload can change restarts nothing", replicas: 2, spec: reconfigure("a=1\n"),
			phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made:  map[string]int{"db-0": 1, "db-1": 1}, file: "default=1\na=1\n",
		},
		"reload and restart": {
			kill: true, reason: "what needs a restart restarts every pod once", replicas: 2, spec: reconfigure("restart_a=1\n"),
			phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made:  map[string]int{"db-0": 2, "db-1": 2}, file: "default=1\nrestart_a=1\n",
		},
		"restart is true": {
			reason: "a restart that was asked for happens", replicas: 2,
			spec:  withRestart(reconfigure("a=1\n"), opsv1alpha1.ReconfigureRestartTrue),
			phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made:  map[string]int{"db-0": 2, "db-1": 2}, file: "default=1\na=1\n",
		},
		"restart is false": {
			reason: "a restart that was forbidden does not happen", replicas: 2,
			spec:  withRestart(reconfigure("restart_a=1\n"), opsv1alpha1.ReconfigureRestartFalse),
			phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made:  map[string]int{"db-0": 1, "db-1": 1}, file: "default=1\nrestart_a=1\n",
		},
		"refused": {
			kill: true, reason: "what the servers refuse is taken back", replicas: 2, spec: reconfigure("refused=1\n"),
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "ConfigurationRejected",
			made: map[string]int{"db-0": 1, "db-1": 1}, file: "default=1\n",
		},
		"crash": {
			reason: "a server that does not come back recovers with the former files, the others are left alone", replicas: 2,
			spec:  reconfigure("restart_crash=1\n"),
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "TimedOut",
			made: map[string]int{"db-0": 2, "db-1": 1}, file: "default=1\n",
		},
		"crash twice": {
			kill: true, reason: "a second attempt is undone like the first", replicas: 2,
			spec:  attempts(2, reconfigure("restart_crash=1\n")),
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "TimedOut",
			made: map[string]int{"db-0": 3, "db-1": 1}, file: "default=1\n",
		},
		"dead": {
			kill: true, reason: "a pod that cannot recover is replaced, the others are left alone", replicas: 2,
			spec:  reconfigure("restart_dead=1\n"),
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "TimedOut",
			made: map[string]int{"db-0": 3, "db-1": 1}, file: "default=1\n",
		},
		"update": {
			kill: true, reason: "another version is tried, then every pod is replaced once", replicas: 2, spec: update(newVersion),
			phase: opsv1alpha1.OpsRequestPhaseSuccessful, version: newVersion, tried: true,
			made: map[string]int{"db-0": 2, "db-1": 2}, file: "default=1\n" + sinceLine(newVersion),
		},
		"update refused": {
			reason: "a version that refuses the configuration reaches no pod", replicas: 2, spec: update(pickyVersion),
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "ConfigurationRejected", tried: true,
			made: map[string]int{"db-0": 1, "db-1": 1}, file: "default=1\n",
		},
		"update without image": {
			reason: "a version that cannot be run reaches no pod", replicas: 2, spec: update(missingVersion),
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "VersionNotRunnable", tried: true,
			made: map[string]int{"db-0": 1, "db-1": 1}, file: "default=1\n",
		},
		"update dead": {
			kill: true, reason: "a version that does not come up is taken back, the other pods are left alone", replicas: 2, spec: update(deadVersion),
			phase: opsv1alpha1.OpsRequestPhaseFailed, failure: "TimedOut", tried: true,
			made: map[string]int{"db-0": 3, "db-1": 1}, file: "default=1\n",
		},
		"less": {
			reason: "standbys follow the primary down", replicas: 2, clustered: true, spec: reconfigure("floor_a=50\n"),
			phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made:  map[string]int{"db-0": 2, "db-1": 2}, file: "default=1\nfloor_a=50\n",
		},
		"more and less": {
			kill: true, reason: "a standby goes before and after the primary", replicas: 2, clustered: true,
			spec:  reconfigure("floor_a=50\nfloor_b=150\n"),
			phase: opsv1alpha1.OpsRequestPhaseSuccessful,
			made:  map[string]int{"db-0": 2, "db-1": 3}, file: "default=1\nfloor_a=50\nfloor_b=150\n",
		},
	})
	return all
}

// world returns the world of the scenario before anything happens.
func (sc scenario) world(t testing.TB) *world {
	t.Helper()
	if sc.clustered {
		return newCluster(t, sc.replicas)
	}
	return makeWorld(t, sc.replicas, nil, sc.tls)
}

func TestOperationsEndAsTheyShould(t *testing.T) {
	t.Parallel()
	for name, sc := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sc.world(t)
			w.ask("op", sc.spec)
			w.drive(w.engine(w.client), "op")
			w.ended(sc)
		})
	}
}

// ended compares what there is with what the scenario promises.
func (w *world) ended(sc scenario) {
	w.t.Helper()
	for w.tick() {
	}
	request := w.request("op")
	if request.Status.Phase != sc.phase {
		w.t.Fatalf("%s: %s", sc.reason, w.dump("op"))
	}
	w.check(request, sc.made)
	if got := string(w.secret().Data[file]); got != sc.file {
		w.t.Errorf("%s: the configuration is %q, want %q", sc.reason, got, sc.file)
	}
	inline := ""
	if c := w.database().Spec.Configuration; c != nil {
		inline = c.Inline[file]
	}
	version := cmp.Or(sc.version, presentVersion)
	if got := w.database().Spec.Version; got != version {
		w.t.Errorf("%s: spec.version is %s, want %s", sc.reason, got, version)
	}
	if sc.tried != (w.tried > 0) {
		w.t.Errorf("%s: %d trials", sc.reason, w.tried)
	}
	if left := w.trials(); len(left) > 0 {
		w.t.Errorf("%s: the throwaway pod %s is left", sc.reason, left[0].Name)
	}
	var secrets corev1.SecretList
	w.must(w.client.List(w.ctx(), &secrets, client.InNamespace(w.ns), client.HasLabels{naming.LabelTrial}))
	if len(secrets.Items) > 0 {
		w.t.Errorf("%s: the Secret %s is left", sc.reason, secrets.Items[0].Name)
	}
	own := strings.TrimPrefix(strings.TrimPrefix(sc.file, "default=1\n"), sinceLine(version))
	if want := strings.TrimPrefix(own, tlsLine); inline != want {
		w.t.Errorf("%s: spec.configuration says %q, want %q", sc.reason, inline, want)
	}
	if sc.failure != "" {
		c := request.Status.Conditions[len(request.Status.Conditions)-1]
		if c.Type != opsv1alpha1.ConditionFailed || c.Status != metav1.ConditionTrue || c.Reason != sc.failure {
			w.t.Errorf("%s: the last condition is %+v", sc.reason, c)
		}
	}
	w.certificates.ended(w, sc)
	hash := report.HashFiles(w.secret().Data)
	for name, pod := range w.pods() {
		r, err := report.Parse(pod.Annotations)
		if image := pod.Spec.Containers[0].Image; image != "pgpool:"+version {
			w.t.Errorf("%s: pod %s runs %s", sc.reason, name, image)
		}
		if err != nil || !r.Accepted(hash) || !isReady(pod) {
			w.t.Errorf("%s: pod %s is not ready with the configuration in force: %+v, %v", sc.reason, name, r, err)
		}
	}
}

// writesOf runs a scenario without faults and returns how many writes it takes.
func writesOf(t *testing.T, sc scenario) int {
	t.Helper()
	w := sc.world(t)
	w.ask("op", sc.spec)
	var faults testenv.Faults
	w.drive(w.engine(faulty(t, &faults)), "op")
	w.ended(sc)
	t.Logf("%d writes", len(faults.Writes()))
	return len(faults.Writes())
}

// A recipe is in the tests below by having a scenario.
func TestEveryRecipeHasAScenarioInWhichTheOperatorIsKilled(t *testing.T) {
	t.Parallel()
	killed := map[opsv1alpha1.OpsRequestType]bool{}
	for _, sc := range scenarios() {
		killed[sc.spec.Type] = killed[sc.spec.Type] || sc.kill
	}
	for operation := range recipes() {
		if !killed[operation] {
			t.Errorf("no scenario kills the operator during %s", operation)
		}
	}
}

var errKilled = errors.New("the operator was killed (injected)")

// The operator dies after a write, before it hears of it. Dying before the next write is the same to everybody else.
func TestAnOperatorKilledAtAnyWriteLeavesWorkThatTheNextOneFinishes(t *testing.T) {
	t.Parallel()
	for name, sc := range scenarios() {
		if !sc.kill {
			continue
		}
		atEveryWrite(t, name, sc, func(t *testing.T, w *world, n int) {
			t.Helper()
			var faults testenv.Faults
			faults.FailNth(n, testenv.After, errKilled)
			for later := n + 1; later < n+50; later++ {
				faults.FailNth(later, testenv.Before, errKilled)
			}
			w.driveUntil(w.engine(faulty(t, &faults)), func() bool { return faults.Fired() > 0 })
			w.drive(w.engine(w.client), "op")
			w.ended(sc)
		})
	}
}

// A write fails, the operator lives and tries again.
func TestAFailedWriteIsMadeUpFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"reload and restart", "update dead", "tls of another issuer"} {
		sc := scenarios()[name]
		for _, moment := range []testenv.Moment{testenv.Before, testenv.After} {
			atEveryWrite(t, fmt.Sprintf("%s, %s", name, moment), sc, func(t *testing.T, w *world, n int) {
				t.Helper()
				var faults testenv.Faults
				faults.FailNth(n, moment, testenv.ErrConnectionLost)
				w.drive(w.engine(faulty(t, &faults)), "op")
				if faults.Fired() != 1 {
					t.Errorf("%d writes failed, want 1", faults.Fired())
				}
				w.ended(sc)
			})
		}
	}
}

// An operator is held up at a write (SIGSTOP, a lost leader lease) until another one has carried out everything, and
// then goes on as if nothing had happened.
func TestAnOperatorThatComesLateDoesNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"reload and restart", "update dead", "tls of another issuer"} {
		sc := scenarios()[name]
		atEveryWrite(t, name, sc, func(t *testing.T, w *world, n int) {
			t.Helper()
			other := w.engine(w.client)
			late := w.engine(beforeWrite(t, n, func() { w.drive(other, "op") }))
			w.drive(late, "op")
			w.step(late, "op") // its pass ended with an error, and it looks again
			w.ended(sc)
		})
	}
}

// atEveryWrite runs a scenario once for each write that it takes.
func atEveryWrite(t *testing.T, name string, sc scenario, run func(*testing.T, *world, int)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		for n := range writesOf(t, sc) {
			t.Run(fmt.Sprintf("write %d", n+1), func(t *testing.T) {
				t.Parallel()
				w := sc.world(t)
				w.ask("op", sc.spec)
				run(t, w, n+1)
			})
		}
	})
}

// driveUntil is drive, up to the moment that stop says so.
func (w *world) driveUntil(r *Reconciler, stop func() bool) {
	w.t.Helper()
	for range 300 {
		_, result := w.step(r, "op")
		if stop() {
			return
		}
		if !w.tick() && result.RequeueAfter > 0 {
			w.pass(result.RequeueAfter)
		}
	}
	w.t.Fatalf("it never came to that write: %s", w.dump("op"))
}

// faulty returns a client with faults in front of its writes.
func faulty(t *testing.T, faults *testenv.Faults) client.Client {
	t.Helper()
	return clientOf(t, faults.Config(env.Config))
}

func clientOf(t *testing.T, cfg *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(cfg, client.Options{Scheme: env.Scheme, Mapper: env.Client.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// beforeWrite returns a client that calls something before its n-th write.
func beforeWrite(t *testing.T, n int, call func()) client.Client {
	t.Helper()
	var mu sync.Mutex
	due := func(req *http.Request) bool {
		if req.Method == http.MethodGet || strings.Contains(req.URL.Path, "/events") {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		n--
		return n == 0
	}
	cfg := rest.CopyConfig(env.Config)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if due(req) {
				call()
			}
			return next.RoundTrip(req)
		})
	})
	return clientOf(t, cfg)
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Two operators that both believe to be the leader, at the same time.
func TestTwoOperatorsAtOnceDoNothingTwice(t *testing.T) {
	t.Parallel()
	for name, sc := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sc.world(t)
			w.ask("op", sc.spec)
			engines := []*Reconciler{w.engine(w.client), w.engine(w.client)}
			for range 300 {
				if w.both(engines) {
					break
				}
			}
			w.ended(sc)
		})
	}
}

// both lets two engines reconcile at the same time, and then the world take its turn. It returns true at the end.
func (w *world) both(engines []*Reconciler) bool {
	w.t.Helper()
	results := make([]bool, len(engines))
	var wait sync.WaitGroup
	for i, r := range engines {
		wait.Add(1)
		go func() {
			defer wait.Done()
			request, result := w.step(r, "op")
			results[i] = request.Status.Phase.Finished() && len(request.Finalizers) == 0
			_ = result
		}()
	}
	wait.Wait()
	if !w.tick() {
		w.pass(DefaultTimeout / 4)
	}
	if diff := gocmp.Diff(results[0], results[1]); diff != "" {
		return false
	}
	return results[0]
}
