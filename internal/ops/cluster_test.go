package ops

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// cluster makes db-0 the primary and the other members its standbys. As hot standbys of PostgreSQL do, a standby never
// runs with less of a parameter floor_… than the primary had when it wrote what the standby replays; the agent starts it
// with the primary's value if its file asks for less.
type cluster struct {
	// replayed is what the standbys have replayed of the primary's values.
	replayed map[string]int
	// running are the members' values.
	running map[string]map[string]int
	// lost is a standby that receives nothing.
	lost string
}

const floorDefault = 100

func newCluster(t testing.TB, replicas int) *world {
	t.Helper()
	return makeWorld(t, replicas, &cluster{replayed: map[string]int{}, running: map[string]map[string]int{}}, nil)
}

func takesRestart(name string) bool {
	return strings.HasPrefix(name, "restart_") || strings.HasPrefix(name, "floor_")
}

func floorOf(name string, values map[string]string) int {
	if n, err := strconv.Atoi(values[name]); err == nil {
		return n
	}
	return floorDefault
}

func orderOf(name string, old, now map[string]string) database.Order {
	switch before, after := floorOf(name, old), floorOf(name, now); {
	case !strings.HasPrefix(name, "floor_"):
		return database.AnyOrder
	case after < before:
		return database.PrimaryFirst
	default:
		return database.StandbysFirst
	}
}

func (c *cluster) label(pod *corev1.Pod) {
	if c == nil {
		return
	}
	role := naming.RoleStandby
	if pod.Name == dbName+"-0" {
		role = naming.RolePrimary
	}
	metav1.SetMetaDataLabel(&pod.ObjectMeta, naming.LabelRole, role)
}

// boot returns what a server starts with, given the file.
func (c *cluster) boot(w *world, name, text string) string {
	w.t.Helper()
	if c == nil {
		return text
	}
	values := map[string]int{}
	for _, parameter := range []string{"floor_a", "floor_b"} {
		value := floorOf(parameter, lines([]byte(text)))
		least := c.least(parameter)
		if name != dbName+"-0" && value < least {
			text += parameter + "=" + strconv.Itoa(least) + "\n"
			value = least
		}
		values[parameter] = value
		for standby, running := range c.running {
			if name == dbName+"-0" && standby != name && running[parameter] < value {
				w.t.Errorf("the primary starts with %s=%d, standby %s has only %d", parameter, value, standby, running[parameter])
			}
		}
	}
	c.running[name] = values
	return text
}

func (c *cluster) least(parameter string) int {
	if n, found := c.replayed[parameter]; found {
		return n
	}
	return floorDefault
}

// replay brings the primary's values to the standbys, a while after it has started.
func (c *cluster) replay(w *world, pods map[string]corev1.Pod) bool {
	primary, found := pods[dbName+"-0"]
	if c == nil || !found || !isReady(w.pods()[primary.Name]) {
		return false
	}
	changed := false
	for parameter, value := range c.running[primary.Name] {
		changed = changed || c.least(parameter) != value
		c.replayed[parameter] = value
	}
	return changed
}

// say adds to a report what only members of a cluster say.
func (c *cluster) say(pod string, wanted map[string]string, say *report.Report) {
	if c == nil || pod == dbName+"-0" {
		return
	}
	say.NotStreaming = pod == c.lost
	for _, name := range say.PendingRestart {
		switch value := floorOf(name, wanted); {
		case !strings.HasPrefix(name, "floor_"):
		case value < c.least(name):
			say.AfterPrimary = append(say.AfterPrimary, name)
		case value > c.least(name):
			say.BeforePrimary = append(say.BeforePrimary, name)
		}
	}
}

func TestMembersOfAClusterAreRestartedInTheOrderThatTheChangeNeeds(t *testing.T) {
	t.Parallel()
	for reason, test := range map[string]struct {
		spec opsv1alpha1.PgpoolOpsRequestSpec
		want string
	}{
		"a Restart":                       {restart(), "db-1 db-2 db-0"},
		"something else":                  {reconfigure("restart_a=1\n"), "db-1 db-2 db-0"},
		"more":                            {reconfigure("floor_a=150\n"), "db-1 db-2 db-0"},
		"less":                            {reconfigure("floor_a=50\n"), "db-0 db-1 db-2"},
		"less, and something else":        {reconfigure("floor_a=50\nrestart_b=1\n"), "db-0 db-1 db-2"},
		"more of one and less of another": {reconfigure("floor_a=50\nfloor_b=150\n"), "db-1 db-2 db-0 db-1 db-2"},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			w := newCluster(t, 3)
			w.ask("op", test.spec)
			request := w.drive(w.engine(w.client), "op")
			w.wantPhase(request, successful)
			if got := strings.Join(w.went, " "); got != test.want {
				t.Errorf("restarted %s, want %s", got, test.want)
			}
			var planned []string
			for _, m := range request.Status.Plan.Members {
				planned = append(planned, m.Name)
			}
			if !strings.HasPrefix(test.want, strings.Join(planned, " ")) {
				t.Errorf("planned was %v", planned)
			}
			if twice := len(w.went) > 3; twice != (len(request.Status.Plan.Warnings) == 1) {
				t.Errorf("the plan warns %q", request.Status.Plan.Warnings)
			}
			w.consistent()
		})
	}
}

func TestARestartTakesIntoForceWhatWasLeftPendingInTheOrderThatItNeeds(t *testing.T) {
	t.Parallel()
	w := newCluster(t, 3)
	w.ask("leave", withRestart(reconfigure("floor_a=50\n"), opsv1alpha1.ReconfigureRestartFalse))
	w.wantPhase(w.drive(w.engine(w.client), "leave"), successful)
	if len(w.went) > 0 {
		t.Fatalf("restarted %v", w.went)
	}
	w.ask("op", restart())
	w.wantPhase(w.drive(w.engine(w.client), "op"), successful)
	if diff := cmp.Diff([]string{"db-0", "db-1", "db-2"}, w.went); diff != "" {
		t.Error(diff)
	}
	w.consistent()
}

func TestTheNextStandbyWaitsUntilTheLastOneStreams(t *testing.T) {
	t.Parallel()
	w := newCluster(t, 3)
	w.cluster.lost = "db-1"
	w.ask("op", restart())
	engine := w.engine(w.client)
	w.driveUntil(engine, func() bool { return slices.Contains(w.went, "db-1") })
	w.pass(tellEvery)
	if request, _ := w.step(engine, "op"); !strings.Contains(request.Status.Journal.Waiting, "db-1: does not receive WAL") {
		t.Errorf("it waits for %q", request.Status.Journal.Waiting)
	}
	if slices.Contains(w.went, "db-2") {
		t.Error("the next standby was restarted")
	}
	w.cluster.lost = ""
	w.wantPhase(w.drive(engine, "op"), successful)
}
