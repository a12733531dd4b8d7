package provision

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// observed is a scope whose members have reported that.
func observed(ready bool, reports ...report.Report) *scope {
	kind := newFakeKind()
	in := kind.New()
	in.Object().SetName(instanceName)
	s := &scope{Subject: blocks.For(kind.Info(), in), in: in, work: in}
	for i, r := range reports {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "db-" + string(rune('0'+i))}}
		if r.ConfigHash != "" || r.Rejected != nil || r.Problem != "" {
			pod.Annotations = map[string]string{naming.AnnotationReport: r.String()}
		}
		s.members = append(s.members, database.Member{Pod: pod, PetSet: instanceName, Ordinal: i, Ready: ready})
	}
	return s
}

func TestWhatTheMembersSayOfTheConfiguration(t *testing.T) {
	t.Parallel()
	inForce := report.Report{ConfigHash: "new"}
	behind := report.Report{ConfigHash: "old"}
	refused := report.Report{ConfigHash: "old", Rejected: &report.Rejection{ConfigHash: "new", Message: "no such parameter"}}
	refusedBefore := report.Report{ConfigHash: "new", Rejected: &report.Rejection{ConfigHash: "old", Message: "no such parameter"}}
	pending := report.Report{ConfigHash: "new", PendingRestart: []string{"max_connections"}}
	for _, test := range []struct {
		name    string
		reports []report.Report
		reason  string // empty: no condition
		words   string
	}{
		{"nobody has reported", []report.Report{{}, {}}, "", ""},
		{"all have it", []report.Report{inForce, inForce}, database.ReasonConfigurationInForce, ""},
		{"one has not reported yet", []report.Report{inForce, {}}, database.ReasonConfigurationInForce, ""},
		{"one is behind", []report.Report{inForce, behind}, database.ReasonConfigurationPropagates, "db-1"},
		{"one refuses it", []report.Report{behind, refused}, database.ReasonConfigurationRejected, "db-1: no such parameter"},
		{"one waits for a restart", []report.Report{inForce, pending}, database.ReasonRestartPending, "db-1: max_connections"},
		{"a refusal goes before a restart", []report.Report{pending, refused}, database.ReasonConfigurationRejected, "db-1"},
		{"the refusal of another one is over", []report.Report{refusedBefore}, database.ReasonConfigurationInForce, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observed(true, test.reports...)
			s.setConfiguration("new")
			c := kube.FindCondition(s.conditions, database.ConditionConfigurationApplied)
			switch {
			case c == nil && test.reason != "":
				t.Errorf("there is no condition, want %s", test.reason)
			case c != nil && (c.Reason != test.reason || !strings.Contains(c.Message, test.words)):
				t.Errorf("the condition is %s %q, want %s with %q", c.Reason, c.Message, test.reason, test.words)
			}
		})
	}
}

func TestWhyMembersAreNotReadyIsSaidInTheirWords(t *testing.T) {
	t.Parallel()
	s := observed(false, report.Report{Problem: "no space left on device."}, report.Report{})
	s.setReplicas(time.Now(), database.Group{PetSet: instanceName, Replicas: 2})
	c := kube.FindCondition(s.conditions, conditionReplicaReady)
	want := "All desired replicas are not ready. For PetSet: /db desired replicas: 2, ready replicas: 0. db-0: no space left on device."
	if c == nil || c.Message != want {
		t.Errorf("the condition is %+v, want %q", c, want)
	}
}

func TestWhatAMemberThatIsStartingSaysIsNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := observed(false, report.Report{Problem: "the server is starting"}, report.Report{Problem: "WAL is replayed"})
	s.members[0].Pod.CreationTimestamp = metav1.NewTime(now.Add(-2 * time.Second))
	s.members[1].Pod.CreationTimestamp = metav1.NewTime(now.Add(-time.Second))
	wanted := database.Group{PetSet: instanceName, Replicas: 2}
	if recheck := s.setReplicas(now, wanted); recheck != 3*time.Second {
		t.Errorf("looks again in %s, want 3s", recheck)
	}
	if c := kube.FindCondition(s.conditions, conditionReplicaReady); strings.Contains(c.Message, "starting") {
		t.Errorf("the condition is %+v", c)
	}
	s.conditions = nil
	s.setReplicas(now.Add(3*time.Second), wanted)
	if c := kube.FindCondition(s.conditions, conditionReplicaReady); !strings.HasSuffix(c.Message, " db-0: the server is starting.") {
		t.Errorf("the condition is %+v", c)
	}
}

func TestReplicasAreCountedByPetSet(t *testing.T) {
	t.Parallel()
	main, group := database.Group{PetSet: "db", Replicas: 1}, database.Group{PetSet: "db-reports", Replicas: 2}
	ready := func(sets ...string) (members []database.Member) {
		for _, set := range sets {
			members = append(members, database.Member{Pod: &corev1.Pod{}, PetSet: set, Ready: true})
		}
		return members
	}
	for _, test := range []struct {
		name    string
		members []database.Member
		want    string // of the message; empty for ready
	}{
		{"all are there", ready("db", "db-reports", "db-reports"), ""},
		{"a spare one of a group does not stand in for the main one", ready("db-reports", "db-reports", "db-reports"), "For PetSet: /db desired replicas: 1, ready replicas: 0."},
		{"a group lacks one", ready("db", "db-reports"), "For PetSet: /db-reports desired replicas: 2, ready replicas: 1."},
		{"pods of a group that nobody wants any more count for nothing", ready("db", "db-old", "db-reports"), "ready replicas: 1."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := observed(true)
			s.members = test.members
			s.setReplicas(time.Now(), main, group)
			c := kube.FindCondition(s.conditions, conditionReplicaReady)
			if (test.want == "") != (c.Status == metav1.ConditionTrue) || !strings.Contains(c.Message, test.want) {
				t.Errorf("the condition is %s %q, want %q", c.Status, c.Message, test.want)
			}
		})
	}
}
