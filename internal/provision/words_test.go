package provision

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
)

func TestWhyContainersDoNotRunIsSaidInTheirWords(t *testing.T) {
	t.Parallel()
	ended := func(code int32, message string) *corev1.ContainerStateTerminated {
		return &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", Message: message}
	}
	waiting := func(reason, message string) *corev1.ContainerStateWaiting {
		return &corev1.ContainerStateWaiting{Reason: reason, Message: message}
	}
	jsonLine := `{"logger":"","ts":"2026-11-21 13:00:00.1","caller":{"file":"main.go","line":1},"level":0,"msg":"too many failures, aborting",` +
		`"error":"Run(git fetch): exit status 128: { stdout: \"\", stderr: \"fatal: unable to access\\n\" }","failCount":1}`
	for name, c := range map[string]struct {
		status corev1.ContainerStatus
		want   string
	}{
		"it runs":           {corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, ""},
		"it ended well":     {corev1.ContainerStatus{State: corev1.ContainerState{Terminated: ended(0, "done")}}, ""},
		"it runs again":     {corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, LastTerminationState: corev1.ContainerState{Terminated: ended(1, "x")}}, ""},
		"it waits its turn": {corev1.ContainerStatus{State: corev1.ContainerState{Waiting: waiting("PodInitializing", "")}}, ""},
		"it failed":         {corev1.ContainerStatus{State: corev1.ContainerState{Terminated: ended(128, "cloning\nfatal: no such repository\n")}}, "container git-sync ended with exit code 128: fatal: no such repository"},
		"it waits to be run again": {corev1.ContainerStatus{State: corev1.ContainerState{Waiting: waiting("CrashLoopBackOff", "back-off 10s")},
			LastTerminationState: corev1.ContainerState{Terminated: ended(1, jsonLine)}},
			`container git-sync ended with exit code 1: too many failures, aborting: Run(git fetch): exit status 128: { stdout: "", stderr: "fatal: unable to access\n" }`},
		"it said nothing":     {corev1.ContainerStatus{State: corev1.ContainerState{Terminated: ended(137, "")}}, "container git-sync ended with exit code 137: Error"},
		"its image is absent": {corev1.ContainerStatus{State: corev1.ContainerState{Waiting: waiting("ImagePullBackOff", "no such image")}}, "container git-sync: ImagePullBackOff: no such image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.status.Name = "git-sync"
			pod := &corev1.Pod{Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{c.status}}}
			if got := strings.Join(containerProblems(pod), "|"); got != c.want {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
	long := lastWords(ended(1, strings.Repeat("ü", longestWords)))
	if len(long) > longestWords+len("…") || !strings.HasSuffix(long, "ü…") {
		t.Errorf("long words become %d bytes: …%q", len(long), long[len(long)-10:])
	}
}

func TestAFailingContainerIsInTheCondition(t *testing.T) {
	t.Parallel()
	s := observed(false, report.Report{})
	s.members[0].Pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "db-0"}, Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{
		Name: "git-sync", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "fatal: away."}},
	}}}}
	s.setReplicas(time.Now(), database.Group{PetSet: instanceName, Replicas: 1})
	c := kube.FindCondition(s.conditions, conditionReplicaReady)
	if want := "ready replicas: 0. db-0: container git-sync ended with exit code 1: fatal: away."; c == nil || !strings.HasSuffix(c.Message, want) {
		t.Errorf("the condition is %+v, want it to end with %q", c, want)
	}
}

func TestUsersThatAreLeftOutAreInACondition(t *testing.T) {
	t.Parallel()
	s := observed(true)
	s.setUsers([]string{"Secret data/odd: too long"})
	c := kube.FindCondition(s.conditions, sharedv1.ConditionInternalUsersSynced)
	if c == nil || c.Status != "False" || !strings.Contains(c.Message, "Secret data/odd: too long") {
		t.Errorf("the condition is %+v", c)
	}
	if s.setUsers(nil); len(s.removed) != 1 || s.removed[0] != sharedv1.ConditionInternalUsersSynced {
		t.Errorf("removed is %v", s.removed)
	}
}
