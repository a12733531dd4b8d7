package provision

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

func TestPhaseOf(t *testing.T) {
	t.Parallel()
	const (
		started   = "+" + sharedv1.ConditionProvisioningStarted
		done      = "+" + sharedv1.ConditionProvisioned
		replicas  = sharedv1.ConditionReplicaReady
		accepting = sharedv1.ConditionAcceptingConnection
		ready     = sharedv1.ConditionReady
	)
	for _, test := range []struct {
		name       string
		conditions []string
		want       sharedv1.DatabasePhase
	}{
		{"nothing happened yet", nil, ""},
		{"begun", []string{started}, sharedv1.PhaseProvisioning},
		{"all well but never ready before", []string{started, "+" + replicas, "+" + accepting, "+" + ready}, sharedv1.PhaseProvisioning},
		{"all well", []string{started, done, "+" + replicas, "+" + accepting, "+" + ready}, sharedv1.PhaseReady},
		{"paused changes nothing", []string{started, done, "+" + ready, "+" + sharedv1.ConditionPaused}, sharedv1.PhaseReady},
		{"a member is down", []string{started, done, "-" + replicas, "+" + accepting, "+" + ready}, sharedv1.PhaseCritical},
		{"the write check fails", []string{started, done, "+" + replicas, "+" + accepting, "-" + ready}, sharedv1.PhaseCritical},
		{"nobody can connect", []string{started, done, "-" + replicas, "-" + accepting, "-" + ready}, sharedv1.PhaseNotReady},
		{"nobody can connect before it was ready", []string{started, "-" + accepting}, sharedv1.PhaseProvisioning},
		{"provisioned and nothing known", []string{started, done}, sharedv1.PhaseProvisioning},
		{"halted", []string{started, done, "-" + accepting, "+" + sharedv1.ConditionHalted}, sharedv1.PhaseHalted},
		{"resumed", []string{started, done, "-" + accepting, "-" + sharedv1.ConditionHalted}, sharedv1.PhaseNotReady},
		{"health check paused goes before halted", []string{"+" + sharedv1.ConditionHalted, "+" + sharedv1.ConditionHealthCheckPaused}, sharedv1.PhaseUnknown},
		{"restoring", []string{started, "+" + sharedv1.ConditionDataRestoreStarted}, sharedv1.PhaseDataRestoring},
		{"restore failed", []string{started, "+" + sharedv1.ConditionDataRestoreStarted, "-" + sharedv1.ConditionDataRestored}, sharedv1.PhaseNotReady},
		{"restored", []string{started, "+" + sharedv1.ConditionDataRestoreStarted, "+" + sharedv1.ConditionDataRestored}, sharedv1.PhaseProvisioning},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var conditions []sharedv1.Condition
			for _, c := range test.conditions {
				status := metav1.ConditionTrue
				if c[0] == '-' {
					status = metav1.ConditionFalse
				}
				conditions = append(conditions, sharedv1.Condition{Type: c[1:], Status: status})
			}
			if got := PhaseOf(conditions); got != test.want {
				t.Errorf("PhaseOf(%v) = %q, want %q", test.conditions, got, test.want)
			}
		})
	}
}

var (
	unreachable = database.Health{Message: "connection refused"}
	readOnly    = database.Health{Accepting: true, Message: "cannot execute UPDATE in a read-only transaction"}
)

func TestOnlyAChangedAnswerIsNews(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		threshold int32
		answers   []database.Health
		news      []bool
	}{
		{"the first answer", 1, []database.Health{unreachable}, []bool{true}},
		{"the same again", 1, []database.Health{healthy, healthy, healthy}, []bool{true, false, false}},
		{"another message of the same failure", 1, []database.Health{unreachable, {Message: "port 1234"}}, []bool{true, false}},
		{"down and up", 1, []database.Health{healthy, unreachable, healthy}, []bool{true, true, true}},
		{"fewer failures than the threshold", 3, []database.Health{healthy, unreachable, unreachable, healthy}, []bool{true, false, false, false}},
		{"as many failures as the threshold", 2, []database.Health{healthy, unreachable, unreachable}, []bool{true, false, true}},
		{"getting well needs no threshold", 3, []database.Health{unreachable, healthy}, []bool{true, true}},
		{"another fingerprint", 1, []database.Health{healthy, {Accepting: true, Writable: true, Fingerprint: "b"}}, []bool{true, true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := &prober{}
			for i, answer := range test.answers {
				if got := p.judge(answer, test.threshold); got != test.news[i] {
					t.Errorf("answer %d is news: %t, want %t", i, got, test.news[i])
				}
			}
		})
	}
}
