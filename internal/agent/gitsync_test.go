package agent_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent"
	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// syncs are git-syncs that do something to the scripts, which are at $MATRIARCH_INIT_SCRIPTS, and say what they got.
const (
	syncs   = `echo "git-sync got $*"; mkdir -p "$MATRIARCH_INIT_SCRIPTS"`
	isAway  = `echo "fatal: the git server is away" >&2; exit 128`
	misses  = `mkdir -p "${MATRIARCH_INIT_SCRIPTS%/*}/other"`
	noImage = ""
)

// gitSync runs the agent as a pod's init container with that git-sync, and returns what it printed and its exit code.
func (p *pod) gitSync(script string, env ...string) (string, int) {
	p.w.t.Helper()
	place := p.path("/git/current")
	if script != noImage {
		p.write(naming.GitSyncProgram, "#!/bin/sh\n"+script+"\n")
		if err := os.Chmod(p.path(naming.GitSyncProgram), 0o755); err != nil {
			p.w.t.Fatal(err)
		}
	}
	command := exec.CommandContext(p.w.t.Context(), binary, "git-sync", "--repo=x", "--one-time")
	command.Env = append(append(p.env, naming.EnvInitScripts+"="+place), env...)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.w.t.Fatalf("run the agent: %v", err)
	}
	return string(output), command.ProcessState.ExitCode()
}

func TestInitScriptsAreFetchedOnlyWhileTheyAreNeeded(t *testing.T) {
	t.Parallel()
	need(t)
	w := newWorld(t)
	w.allow([]string{"config"}, nil, []string{"leader"})
	recorded := w.meta("leader")
	recorded.Annotations = map[string]string{lease.AnnotationSystemID: "7", lease.AnnotationTerm: "1"}
	postgres, pooler := []string{naming.EnvLease + "=leader"}, []string{naming.EnvLease + "="}
	p := w.newPod("db-0", agent.KindPostgres)
	step := func(what, script string, env []string, code int, says string) {
		t.Helper()
		if err := os.RemoveAll(p.path("/git")); err != nil {
			t.Fatal(err)
		}
		output, got := p.gitSync(script, env...)
		if got != code || !strings.Contains(output, says) {
			t.Errorf("%s: exit code %d and %q, want %d and %q", what, got, output, code, says)
		}
	}
	step("an image of something else", noImage, postgres, 1, "has to be an image of git-sync")
	step("a new cluster", syncs, postgres, 0, "git-sync got --repo=x --one-time")
	step("a new cluster without a git server", isAway, postgres, 128, "fatal: the git server is away")
	step("scripts that are elsewhere", misses, postgres, 1, "correct spec.init.script.scriptPath")
	w.create(&coordinationv1.Lease{ObjectMeta: w.meta("leader")})
	step("a cluster that is not recorded yet", isAway, postgres, 128, "fatal: the git server is away")
	if err := env.Client.Delete(t.Context(), &coordinationv1.Lease{ObjectMeta: w.meta("leader")}); err != nil {
		t.Fatal(err)
	}
	w.create(&coordinationv1.Lease{ObjectMeta: recorded})
	step("a cluster that exists", isAway, postgres, 0, "not fetched again")

	step("a new pooler", syncs, pooler, 0, "git-sync got")
	step("a new pooler without a git server", isAway, pooler, 128, "fatal: the git server is away")
	initialised := w.meta("config")
	initialised.Annotations = map[string]string{naming.AnnotationInitialized: "true"}
	w.create(&corev1.Secret{ObjectMeta: initialised})
	step("a pooler that was initialised", syncs, pooler, 0, "git-sync got")
	step("the same without a git server", isAway, pooler, 0, "starting without the init scripts")
}

func TestInitScriptsAreFetchedWhenTheAPIServerCannotBeAsked(t *testing.T) {
	t.Parallel()
	need(t)
	w := newWorld(t)
	p := w.newPod("db-0", agent.KindPostgres)
	output, code := p.gitSync(syncs, "MATRIARCH_API_SERVER=https://127.0.0.1:1")
	if code != 0 || !strings.Contains(output, "git-sync got") {
		t.Errorf("exit code %d and %q", code, output)
	}
}

func TestOneFileOfTheVolumeIsTheInitScript(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	p := c.members[0]
	p.write("/var/initdb/1.sql", "CREATE TABLE not_this (a int);")
	p.write("/var/initdb/2.sql", "CREATE TABLE only_this (a int);")
	p.env = append(p.env, naming.EnvInitScripts+"=/var/initdb/none")
	p.start()
	p.reports("says where the scripts should be", func(r report.Report) bool { return strings.Contains(r.Problem, "spec.init.script.scriptPath") })
	p.kill()
	p.env = append(p.env, naming.EnvInitScripts+"=/var/initdb/2.sql")
	p.start()
	p.isReady(true)
	p.answers("SELECT string_agg(relname, ' ') FROM pg_class WHERE relname IN ('not_this', 'only_this')", "only_this")
}
