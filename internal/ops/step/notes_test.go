package step

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestTheNoteOfAPodReadsAsKubeDBsDo(t *testing.T) {
	t.Parallel()
	want := Note{
		Type: "CheckPodRunning--db-0", Message: "check pod running; ConditionStatus:False; PodName:db-0",
	}
	if diff := cmp.Diff(want, PodNote("CheckPodRunning", "db-0", false)); diff != "" {
		t.Error(diff)
	}
	if got := PodNote("EvictPod", "db-1", true).Message; got != "evict pod; ConditionStatus:True; PodName:db-1" {
		t.Errorf("got %q", got)
	}
}

func TestTheNotesTellHowFarARollingRestartIs(t *testing.T) {
	t.Parallel()
	s := &Scope{Texts: database.OperationTexts{
		PodChosen: []string{"GetPod"}, PodEvicted: []string{"EvictPod"}, PodBack: []string{"CheckReplicaFunc", "CheckPodReady"},
	}}
	targets := []opsv1alpha1.Target{{Name: "a"}, {Name: "b"}}
	cases := map[string]struct {
		d    Decision
		want []string
	}{
		"the first is next":    {Decision{Action: Evict}, []string{"GetPod--a", "!EvictPod--a"}},
		"the first is away":    {Decision{Action: AwaitGone}, []string{"GetPod--a", "EvictPod--a", "!CheckReplicaFunc--a", "!CheckPodReady--a"}},
		"the second is next":   {Decision{Action: Evict, Target: 1}, []string{"GetPod--a", "EvictPod--a", "CheckReplicaFunc--a", "CheckPodReady--a", "GetPod--b", "!EvictPod--b"}},
		"both have come again": {Decision{Action: Finished, Target: 2}, []string{"GetPod--a", "EvictPod--a", "CheckReplicaFunc--a", "CheckPodReady--a", "GetPod--b", "EvictPod--b", "CheckReplicaFunc--b", "CheckPodReady--b"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, n := range s.restartNotes(targets, tc.d) {
				mark := "!"
				if n.Done {
					mark = ""
				}
				got = append(got, mark+n.Type)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func member(ready bool, r report.Report) database.Member {
	return database.Member{Ready: ready, Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: "db-0", Annotations: map[string]string{naming.AnnotationReport: r.String()},
	}}}
}

func TestAPodIsBackWhenItServesWithTheRightConfiguration(t *testing.T) {
	t.Parallel()
	deleting := member(true, report.Report{ConfigHash: "h"})
	deleting.Pod.DeletionTimestamp = &metav1.Time{}
	cases := map[string]struct {
		m          database.Member
		hash, want string
	}{
		"not ready":               {member(false, report.Report{ConfigHash: "h"}), "h", "not ready yet"},
		"not ready, with a cause": {member(false, report.Report{Problem: "no space left"}), "h", "not ready: no space left"},
		"no report":               {member(true, report.Report{}), "", "its agent has not reported yet"},
		"former configuration":    {member(true, report.Report{ConfigHash: "g"}), "h", "its agent has not yet taken the newest configuration"},
		"any configuration":       {member(true, report.Report{ConfigHash: "g"}), "", ""},
		"right configuration":     {member(true, report.Report{ConfigHash: "h"}), "h", ""},
		"on its way out":          {deleting, "h", "is being deleted"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := (&Scope{}).lacking(tc.m, state{hash: tc.hash}); got != tc.want {
				t.Errorf("lacks %q, want %q", got, tc.want)
			}
		})
	}
}

func TestKubernetesSaysWhenAPodIsStuck(t *testing.T) {
	t.Parallel()
	waiting := func(reason string) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "server", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "words"}},
		}}}}
	}
	cases := map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"starting":      {waiting("ContainerCreating"), ""},
		"no image":      {waiting("ImagePullBackOff"), "container server: ImagePullBackOff: words"},
		"crashing":      {waiting("CrashLoopBackOff"), "container server: CrashLoopBackOff: words"},
		"evicted":       {&corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "words"}}, "pod failed: Evicted words"},
		"nowhere to go": {&corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "words"}}}}, "cannot be scheduled: words"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, stuck := Stuck(tc.pod)
			if got != tc.want || stuck != (tc.want != "") {
				t.Errorf("stuck %t: %q, want %q", stuck, got, tc.want)
			}
		})
	}
}

func TestAContainerThatHasNotStartedIsNamedWithItsImage(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
		{Name: "exporter", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		{Name: "server", Image: "registry/server:1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}},
	}}}
	if got, want := Starting(pod), "container server with image registry/server:1 is waiting: ContainerCreating"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	pod.Status.ContainerStatuses = pod.Status.ContainerStatuses[:1]
	if got := Starting(pod); got != "" {
		t.Errorf("%q of a pod whose containers run", got)
	}
}

func TestFilesAndTheirFormerContentShareOneSecret(t *testing.T) {
	t.Parallel()
	now := map[string][]byte{"a": []byte("2")}
	former := map[string][]byte{"a": []byte("1"), "gone": []byte("x")}
	data := WithFormer(now, former)
	if diff := cmp.Diff(now, Present(data)); diff != "" {
		t.Errorf("present: %s", diff)
	}
	if diff := cmp.Diff(former, Former(data)); diff != "" {
		t.Errorf("former: %s", diff)
	}
	if report.HashFiles(data) != report.HashFiles(now) {
		t.Error("the former files count in the hash")
	}
}
