package step

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// poolKind is a kind of which only the fixed facts are asked.
type poolKind struct{ database.Kind }

func (poolKind) Info() database.Info {
	return database.Info{Kind: "Pgpool", OpsKind: "PgpoolOpsRequest", Container: "pgpool"}
}

type poolInstance struct {
	database.Instance
	pool *kubedbv1alpha2.Pgpool
}

func (i poolInstance) Object() client.Object { return i.pool }

func trialScope() *Scope {
	pool := &kubedbv1alpha2.Pgpool{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "db", UID: "uid-abcdef"}}
	request := &opsv1alpha1.PgpoolOpsRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "op", UID: "uid-123456"}}
	return &Scope{Kind: poolKind{}, Database: poolInstance{pool: pool}, Request: request, Now: time.Now()}
}

func TestATrialIsThePodWithoutWhatServes(t *testing.T) {
	t.Parallel()
	big := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi")}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: naming.Selector("pgpools.kubedb.com", "db")},
		Spec: corev1.PodSpec{
			ServiceAccountName: "db", AutomountServiceAccountToken: ptr.To(true), NodeSelector: map[string]string{"disk": "fast"},
			InitContainers: []corev1.Container{{Name: naming.AgentInstaller, Image: "agent"}, {Name: "users-own", Image: "x"}},
			Containers: []corev1.Container{{Name: "exporter", Image: "x"}, {
				Name: "pgpool", Image: "pgpool:new", Env: []corev1.EnvVar{{Name: naming.EnvCredentialsSecret, Value: "db-pcp"}},
				SecurityContext: &corev1.SecurityContext{RunAsNonRoot: ptr.To(true)}, ReadinessProbe: &corev1.Probe{},
				Resources:    corev1.ResourceRequirements{Requests: big.DeepCopy(), Limits: big.DeepCopy()},
				VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/var/pv"}},
			}},
		},
	}
	d := database.Desired{
		Config:  &corev1.Secret{Data: map[string][]byte{"pgpool.conf": []byte("new"), "pgpool.conf.prev": []byte("old")}},
		Secrets: []*corev1.Secret{{ObjectMeta: metav1.ObjectMeta{Name: "db-pcp"}, Data: map[string][]byte{"pool_passwd": []byte("p")}}},
		TLS:     &database.TLS{Published: &corev1.Secret{Data: map[string][]byte{naming.TLSServerCrt: []byte("c")}}},
		PetSet: &petsetv1.PetSet{Spec: petsetv1.PetSetSpec{Template: template, VolumeClaimTemplates: []corev1.PersistentVolumeClaim{
			{ObjectMeta: metav1.ObjectMeta{Name: "data"}},
		}}},
	}
	pod, secret := trialScope().trial(d)
	if pod.Name != "db-trial-123456" || secret.Name != pod.Name || pod.Labels[naming.LabelInstance] != "" || pod.Labels[naming.LabelTrial] != "uid-123456" {
		t.Errorf("the names are %s, %s, the labels %v", pod.Name, secret.Name, pod.Labels)
	}
	if owner := pod.OwnerReferences; len(owner) != 1 || owner[0].UID != "uid-123456" || owner[0].Kind != "PgpoolOpsRequest" {
		t.Errorf("the owner is %+v", owner)
	}
	want := map[string][]byte{"config.pgpool.conf": []byte("new"), "credentials.pool_passwd": []byte("p"), "certificates.server.crt": []byte("c")}
	if diff := cmp.Diff(want, secret.Data); diff != "" {
		t.Error(diff)
	}
	if *pod.Spec.AutomountServiceAccountToken || pod.Spec.RestartPolicy != corev1.RestartPolicyNever || len(pod.Spec.InitContainers) != 1 || len(pod.Spec.Containers) != 1 {
		t.Errorf("the pod is %+v", pod.Spec)
	}
	c := pod.Spec.Containers[0]
	if diff := cmp.Diff([]string{naming.AgentBinary, "check", "Pgpool", naming.TrialDir}, c.Command); diff != "" {
		t.Error(diff)
	}
	if c.ReadinessProbe != nil || !*c.SecurityContext.RunAsNonRoot || c.Image != "pgpool:new" || pod.Spec.NodeSelector["disk"] != "fast" {
		t.Errorf("the container is %+v", c)
	}
	if got := c.Resources.Requests.Memory(); got.Cmp(resource.MustParse("64Mi")) != 0 || c.Resources.Limits.Memory().String() != "8Gi" {
		t.Errorf("the resources are %v", c.Resources)
	}
	claims := 0
	for _, v := range pod.Spec.Volumes {
		if v.Name == "data" && v.EmptyDir != nil {
			claims++
		}
	}
	if claims != 1 {
		t.Errorf("the volumes are %v", pod.Spec.Volumes)
	}
}

func TestAVerdictIsReadFromTheTrialsPod(t *testing.T) {
	t.Parallel()
	pod := func(phase corev1.PodPhase, state corev1.ContainerState) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "db-trial-123456", Labels: map[string]string{naming.LabelTrial: "uid-123456"}},
			Status:     corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{{Name: "pgpool", State: state}}},
		}
	}
	ended := func(code int32, words string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: words, Reason: "Error"}}
	}
	foreign, leaving := pod(corev1.PodSucceeded, ended(0, "")), pod(corev1.PodSucceeded, ended(0, ""))
	foreign.Labels = nil
	leaving.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	nowhere := pod(corev1.PodPending, corev1.ContainerState{})
	nowhere.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "no room"}}
	for name, c := range map[string]struct {
		pod          *corev1.Pod
		kind         Kind
		reason, text string
	}{
		"it accepts":           {pod(corev1.PodSucceeded, ended(0, "")), Done, "", ""},
		"it refuses":           {pod(corev1.PodFailed, ended(1, "line 3 is wrong")), Fail, ReasonRejected, "line 3 is wrong"},
		"it dies without word": {pod(corev1.PodFailed, ended(137, "")), Fail, ReasonRejected, "container pgpool ended with exit code 137: Error"},
		"it runs":              {pod(corev1.PodRunning, corev1.ContainerState{}), Wait, "", "db-trial-123456"},
		"there is no image": {
			pod(corev1.PodPending, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "none"}}),
			Fail, ReasonImage, "ErrImagePull: none",
		},
		"no node has room":           {nowhere, Wait, "", "no room"},
		"it belongs to nobody here":  {foreign, Fail, ReasonEdited, "delete it"},
		"it is of an attempt before": {leaving, Wait, "", "to go"},
	} {
		if m := trialScope().verdict(c.pod); m.Kind != c.kind || m.Reason != c.reason || !strings.Contains(m.Text, c.text) {
			t.Errorf("%s: got %+v", name, m)
		}
	}
}
