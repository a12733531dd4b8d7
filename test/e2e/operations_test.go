//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/test/traffic"
)

// load is clients that use a database while something is done to it, and count.
type load struct {
	c       client
	clients traffic.Client
	path    traffic.Path
}

// load leaves clients at work: one opens a new connection for every statement, the other writes in one session.
func (c client) load(l login) load {
	c.t.Helper()
	made := load{c: c, clients: traffic.Client{Kubectl: run, Namespace: c.name}, path: traffic.Path{
		Name: fmt.Sprintf("load-%06x", rand.N(1<<24)), Password: l.password,
		Options: fmt.Sprintf("host=%s port=%d user=%s dbname=%s", l.host, l.port, l.user, l.database),
	}}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := made.clients.Start(ctx, made.path); err != nil {
		c.t.Fatal(err)
	}
	return made
}

// connects ends the load, of which no new connection must have failed, and returns what the clients saw.
func (l load) connects() traffic.Seen {
	l.c.t.Helper()
	seen := l.clients.Stop(l.c.t.Context(), l.path)
	if seen.Connect.Bad > 0 {
		l.c.t.Errorf("the clients saw: %s\n%s", seen, l.clients.Errors(l.path))
	}
	return seen
}

// unharmed ends the load, of which no session must have been cut either.
func (l load) unharmed() {
	l.c.t.Helper()
	if seen := l.connects(); seen.Write.Bad > 0 {
		l.c.t.Errorf("the clients saw: %s\n%s", seen, l.clients.Errors(l.path))
	}
}

// finished waits until a request has ended and returns its phase.
func (n namespace) finished(request string) string {
	n.t.Helper()
	phase := ""
	n.eventually(request+" has ended", func() string {
		phase = n.field(request, ".status.phase")
		if phase == "Successful" || phase == "Failed" || phase == "Skipped" {
			return ""
		}
		return "its phase is " + phase
	})
	return phase
}

// succeeds waits for the end of a request, which must be Successful.
func (n namespace) succeeds(request string) {
	n.t.Helper()
	if phase := n.finished(request); phase != "Successful" {
		n.t.Fatalf("%s is %s:\n%s", request, phase, n.kubectl("get", request, "-o", "yaml"))
	}
}

// fails waits for the end of a request, which must be Failed, and returns why.
func (n namespace) fails(request string) string {
	n.t.Helper()
	if phase := n.finished(request); phase != "Failed" {
		n.t.Fatalf("%s is %s, not Failed:\n%s", request, phase, n.kubectl("get", request, "-o", "yaml"))
	}
	return n.field(request, `.status.conditions[?(@.type=="Failed")].message`)
}

// TestAPgpoolIsReconfiguredWhileSQLRuns goes through every form of a Reconfigure and a Restart. After each, the running
// server is asked, through SQL.
func TestAPgpoolIsReconfiguredWhileSQLRuns(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "15.18", 1, "  configuration: {inline: {user.conf: \"max_connections=300\"}}\n"))
	n.apply(pgpool("pool", "4.6.1", 2, ""))
	c := n.newClient("17.11")
	n.ready("postgres/pg", "pgpool/pool")
	l := n.login("pg", "pool", 9999)
	shows := func(parameter, value string) { t.Helper(); c.says(l, "pgpool show "+parameter, value) }
	inline := func() string { return n.field("pgpool/pool", `.spec.configuration.inline.pgpool\.conf`) }

	t.Run("a reload restarts nothing", func(t *testing.T) {
		before, load := n.podUIDs(), c.load(l)
		n.apply(pgpoolRequest("reload", "Reconfigure", "pool", applyPgpoolConf("log_client_messages = on", "")))
		n.succeeds("pgpoolopsrequest/reload")
		load.unharmed()
		if after := n.podUIDs(); after != before {
			t.Errorf("pods were replaced:\n%s\n%s", before, after)
		}
		shows("log_client_messages", "on")
		if !strings.Contains(inline(), "log_client_messages") {
			t.Errorf("spec.configuration.inline: %q", inline())
		}
	})
	t.Run("a restart-only parameter restarts each pod once and no new connection fails", func(t *testing.T) {
		before, load := n.podUIDs(), c.load(l)
		n.apply(pgpoolRequest("restart-only", "Reconfigure", "pool", applyPgpoolConf("num_init_children = 8", "")))
		n.succeeds("pgpoolopsrequest/restart-only")
		load.connects()
		if got := n.field("pgpoolopsrequest/restart-only", ".status.disruption.podsRestarted"); got != "2" || n.podUIDs() == before {
			t.Errorf("status.disruption.podsRestarted is %q", got)
		}
		shows("num_init_children", "8")
		shows("log_client_messages", "on") // merged, not replaced
	})
	t.Run("restart false leaves it pending and says so", func(t *testing.T) {
		before := n.podUIDs()
		n.apply(pgpoolRequest("pending", "Reconfigure", "pool", applyPgpoolConf("max_pool = 3", "    restart: \"false\"\n")))
		n.succeeds("pgpoolopsrequest/pending")
		if n.podUIDs() != before {
			t.Error("pods were replaced")
		}
		shows("max_pool", "15")
		if status := n.field("pgpoolopsrequest/pending", ".status"); !strings.Contains(status, "max_pool") {
			t.Errorf("the status does not name max_pool: %s", status)
		}
	})
	t.Run("a Restart takes what is pending into force", func(t *testing.T) {
		n.apply(pgpoolRequest("restart", "Restart", "pool", "  restart: {}\n"))
		n.succeeds("pgpoolopsrequest/restart")
		shows("max_pool", "3")
	})
	t.Run("a new Secret replaces the old one", func(t *testing.T) {
		n.kubectl("create", "secret", "generic", "mine", "--from-literal=pgpool.conf=client_idle_limit = 77\n")
		n.apply(pgpoolRequest("secret", "Reconfigure", "pool", "  configuration: {configSecret: {name: mine}}\n"))
		n.succeeds("pgpoolopsrequest/secret")
		shows("client_idle_limit", "77s")
		n.has("pgpool/pool", ".spec.configuration.secretName", "mine")
	})
	t.Run("an edited Secret takes force by itself", func(t *testing.T) {
		n.kubectl("patch", "secret", "mine", "--type=merge", "-p", `{"stringData":{"pgpool.conf":"client_idle_limit = 78\n"}}`)
		shows("client_idle_limit", "78s")
	})
	t.Run("removing the custom configuration brings the defaults back", func(t *testing.T) {
		n.apply(pgpoolRequest("remove", "Reconfigure", "pool", "  configuration: {removeCustomConfig: true}\n"))
		n.succeeds("pgpoolopsrequest/remove")
		shows("client_idle_limit", "0")
		shows("num_init_children", "5")
		n.has("pgpool/pool", ".spec.configuration.secretName", "")
	})
	t.Run("the operator dies in the middle and each pod is still restarted once", func(t *testing.T) { killedOperator(t, n) })
	n.has("pgpool/pool", `.status.conditions[?(@.type=="Paused")].status`, "")
	n.ready("pgpool/pool")
}

func killedOperator(t *testing.T, n namespace) {
	before := n.podUIDs()
	n.apply(pgpoolRequest("killed", "Restart", "pool", "  restart: {}\n"))
	n.eventually("the first pod goes", func() string {
		if n.podUIDs() == before {
			return "no pod was replaced yet"
		}
		return ""
	})
	n.tryAs("matriarch-system", "delete", "pod", "-l", "app.kubernetes.io/name=matriarch", "--grace-period=0", "--force")
	n.succeeds("pgpoolopsrequest/killed")
	if got := n.field("pgpoolopsrequest/killed", ".status.disruption.podsRestarted"); got != "2" {
		t.Errorf("podsRestarted is %q", got)
	}
}

// TestBadOperationsLeaveTheOldStateInForce.
func TestBadOperationsLeaveTheOldStateInForce(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "15.18", 1, ""))
	n.apply(pgpool("pool", "4.3.5", 2, ""))
	c := n.newClient("17.11")
	n.ready("postgres/pg", "pgpool/pool")
	l := n.login("pg", "pool", 9999)
	before := n.podUIDs()

	t.Run("what can be known is refused at admission", func(t *testing.T) {
		for name, settings := range map[string]string{
			"unknown":    "num_init_childs = 8",
			"bad-value":  "num_init_children = many",
			"unparsable": "num_init_children 8 9",
		} {
			said := n.refusedAtCreation(pgpoolRequest(name, "Reconfigure", "pool", applyPgpoolConf(settings, "")))
			if !strings.Contains(said, "num_init_child") {
				t.Errorf("%s: the refusal does not name the parameter: %s", name, said)
			}
		}
		said := n.refusedAtCreation(pgpoolRequest("nobody", "Restart", "nobody", "  restart: {}\n"))
		if !strings.Contains(said, "is invalid or not found") {
			t.Errorf("a database that does not exist: %s", said)
		}
	})
	t.Run("an image that does not exist fails at the timeout and leaves the other pods alone", func(t *testing.T) {
		user := n.kubectl("get", "pgpoolversion", "4.3.5", "-o", "jsonpath={.spec.securityContext.runAsUser}")
		n.applyAs("", `
apiVersion: catalog.kubedb.com/v1alpha1
kind: PgpoolVersion
metadata: {name: `+n.name+`}
spec:
  version: 4.3.5
  pgpool: {image: "matriarch.local/pgpool:none"}
  exporter: {image: "matriarch.local/pgpool:none"}
  securityContext: {runAsUser: `+user+`}
`)
		t.Cleanup(func() { n.tryAs("", "delete", "pgpoolversion", n.name) })
		n.kubectl("patch", "pgpool", "pool", "--type=merge", "-p", `{"spec":{"version":"`+n.name+`"}}`)
		n.has("petset/pool", ".spec.template.spec.containers[0].image", "matriarch.local/pgpool:none")
		// On a cluster that is minutes old the disruption controller may not know the PetSet's kind yet, and forbids evictions.
		n.has("pdb/pool", ".status.disruptionsAllowed", "1")
		n.apply(strings.Replace(pgpoolRequest("image", "Restart", "pool", "  restart: {}\n"), "timeout: 2m", "timeout: 30s", 1))
		said := n.fails("pgpoolopsrequest/image")
		if !strings.Contains(said, "matriarch.local/pgpool:none") {
			t.Errorf("the failure does not name the image: %s", said)
		}
		kept := 0
		for _, line := range strings.Split(strings.TrimSpace(before), "\n") {
			if strings.HasPrefix(line, "pool-") && strings.Contains(n.podUIDs(), line) {
				kept++
			}
		}
		if kept != 1 {
			t.Errorf("%d of the two old pods are left:\n%s\n%s\n%s", kept, before, n.podUIDs(), said)
		}
		c.says(l, "select 1", "1")
	})
}

// TestDeletingADatabaseInTheMiddleOfAnOperation ends both, and nothing comes back.
func TestDeletingADatabaseInTheMiddleOfAnOperation(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(postgres("pg", "15.18", 1, ""))
	n.apply(pgpool("pool", "4.6.1", 2, ""))
	n.ready("postgres/pg", "pgpool/pool")
	before := n.podUIDs()
	n.apply(pgpoolRequest("restart", "Restart", "pool", "  restart: {}\n"))
	n.eventually("the first pod goes", func() string {
		if n.podUIDs() == before {
			return "no pod was replaced yet"
		}
		return ""
	})
	n.kubectl("delete", "pgpool", "pool", "--timeout=120s")
	if said := n.fails("pgpoolopsrequest/restart"); !strings.Contains(said, "pool") {
		t.Errorf("the request does not say what happened: %s", said)
	}
	n.eventually("nothing of the Pgpool is left", func() string {
		return n.try("get", "pods,petset,service", "-l", "app.kubernetes.io/instance=pool", "-o", "name")
	})
}
