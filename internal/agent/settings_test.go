package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// told sets the environment to what a pod template says, and nothing else.
func told(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, name := range []string{naming.EnvKind, naming.EnvInstance, naming.EnvPodName, naming.EnvPodNamespace, naming.EnvPodUID, naming.EnvConfigSecret,
		naming.EnvCredentialsSecret, naming.EnvAuthSecret, naming.EnvLease, naming.EnvGoverningService, naming.EnvGracePeriod, agent.EnvRoot, agent.EnvListen, agent.EnvPeerAddress} {
		t.Setenv(name, variables[name])
	}
}

func podOf(kind string, more map[string]string) map[string]string {
	all := map[string]string{naming.EnvKind: kind, naming.EnvInstance: "db", naming.EnvPodName: "db-1", naming.EnvPodNamespace: "ns",
		naming.EnvPodUID: "uid", naming.EnvConfigSecret: "c"}
	for name, value := range more {
		all[name] = value
	}
	return all
}

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	told(t, podOf(agent.KindPostgres, map[string]string{naming.EnvAuthSecret: "a", naming.EnvLease: "l", naming.EnvGoverningService: "db-pods", naming.EnvGracePeriod: "60"}))
	s, err := agent.SettingsFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	if s.Grace != time.Minute || s.PeerAddress != "{pod}.db-pods.ns.svc:5432" || s.Listen != ":8355" {
		t.Errorf("settings %+v", s)
	}
}

func TestEverythingThatIsMissingIsNamed(t *testing.T) {
	rows := []struct {
		name string
		vars map[string]string
		want []string
	}{
		{"nothing is set", nil, []string{naming.EnvKind, naming.EnvInstance, naming.EnvPodName, naming.EnvPodNamespace, naming.EnvPodUID, naming.EnvConfigSecret}},
		{"a pooler without credentials", podOf(agent.KindPgpool, nil), []string{naming.EnvCredentialsSecret}},
		{"a Postgres without its objects", podOf(agent.KindPostgres, nil), []string{naming.EnvAuthSecret, naming.EnvLease, naming.EnvGoverningService}},
		{"an unknown kind", podOf("Oracle", nil), []string{`"Oracle"`}},
		{"a grace period that is no number", podOf(agent.KindPgBouncer, map[string]string{naming.EnvCredentialsSecret: "c", naming.EnvGracePeriod: "1m"}), []string{naming.EnvGracePeriod}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			told(t, row.vars)
			_, err := agent.SettingsFromEnv()
			for _, want := range row.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v, want one that names %s", err, want)
				}
			}
		})
	}
}

func TestTheAgentInstallsItselfOverAnOlderOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, agent.BinaryName)
	if err := os.WriteFile(path, []byte("an older one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := agent.Install(dir); err != nil {
		t.Fatal(err)
	}
	installed, err := os.Stat(path)
	if err != nil || installed.Mode().Perm() != 0o755 {
		t.Fatalf("mode %v (%v)", installed.Mode(), err)
	}
	self, err := os.Stat("/proc/self/exe")
	if err != nil || installed.Size() != self.Size() {
		t.Errorf("%d bytes, want %d (%v)", installed.Size(), self.Size(), err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if err := agent.Install(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("installing into a folder that does not exist: %v", err)
	}
}
