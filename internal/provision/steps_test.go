package provision

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// quiet is for how long nothing must be written for the world to count as settled.
const quiet = 300 * time.Millisecond

// settles waits until nothing is written any more.
func (w *world) settles() {
	w.Helper()
	writes, since := len(w.faults.Writes()), time.Now()
	w.eventually(func() error {
		if n := len(w.faults.Writes()); n != writes {
			writes, since = n, time.Now()
		}
		if time.Since(since) < quiet {
			return fmt.Errorf("still writing: %v", w.faults.Writes()[max(0, writes-3):])
		}
		return nil
	})
}

// versions lists the objects of the namespace with their versions.
func (w *world) versions() []string {
	w.Helper()
	var out []string
	for _, list := range append(halting(), &corev1.SecretList{}) {
		if err := env.Client.List(w.Context(), list, client.InNamespace(w.ns)); err != nil {
			continue // a kind that this API server does not have
		}
		objects, err := items(list)
		if err != nil {
			w.Fatal(err)
		}
		for _, o := range objects {
			out = append(out, fmt.Sprintf("%T %s %s", o, o.GetName(), o.GetResourceVersion()))
		}
	}
	slices.Sort(out)
	return out
}

// edit changes any object as another client would.
func (w *world) edit(o client.Object, name string, change func(client.Object)) {
	w.Helper()
	if err := w.find(o, name); err != nil {
		w.Fatalf("read %T %s: %v", o, name, err)
	}
	before := o.DeepCopyObject().(client.Object)
	change(o)
	if err := env.Client.Patch(w.Context(), o, client.MergeFrom(before)); err != nil {
		w.Fatalf("change %T %s: %v", o, name, err)
	}
}

// touch changes a Service in what is ours, or only in what is nobody's.
func (w *world) touch(o client.Object, name string, ours bool) {
	w.Helper()
	w.edit(o, name, func(o client.Object) {
		svc := o.(*corev1.Service)
		if ours {
			svc.Spec.Selector, svc.Labels[naming.LabelComponent] = map[string]string{"app": "mine"}, "other"
			return
		}
		w.status(svc)
	})
}

// status changes the status of a Service, as a load balancer does.
func (w *world) status(svc *corev1.Service) {
	w.Helper()
	before := svc.DeepCopy()
	svc.Status.Conditions = []metav1.Condition{{
		Type: "Touched", Status: metav1.ConditionTrue, Reason: "Test", LastTransitionTime: metav1.Now(),
	}}
	if err := env.Client.Status().Patch(w.Context(), svc, client.MergeFrom(before)); err != nil {
		w.Fatalf("change the status of Service %s: %v", svc.Name, err)
	}
}

// userSecret is a Secret without any label of ours.
func (w *world) userSecret(name, text string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name},
		Data:       map[string][]byte{"text": []byte(text)},
	}
}

// configuration waits until a key of the configuration Secret has that value.
func (w *world) configuration(key, value string) {
	w.Helper()
	w.eventually(func() error {
		secret := &corev1.Secret{}
		if err := w.find(secret, naming.ConfigSecret(instanceName, string(w.instance().UID))); err != nil {
			return err
		}
		if got := string(secret.Data[key]); got != value {
			return fmt.Errorf("%s of the configuration is %q, not %q", key, got, value)
		}
		return nil
	})
}

func (w *world) condition(conditionType string) *sharedv1.Condition {
	w.Helper()
	return kube.FindCondition(w.instance().Status.Conditions, conditionType)
}

// report lets the agent of member 0 say which configuration is in force, and which one was refused.
func (w *world) report(inForce, refused string) {
	w.Helper()
	r := report.Report{ConfigHash: inForce}
	if refused != "" {
		r.Rejected = &report.Rejection{ConfigHash: refused, Message: `unrecognized parameter "bad"`}
	}
	w.edit(&corev1.Pod{}, instanceName+"-0", func(o client.Object) {
		o.SetAnnotations(map[string]string{naming.AnnotationReport: r.String()})
	})
}

// pause takes the instance away from the provisioner, or gives it back, as an operation does.
func (w *world) pause(on bool) {
	w.Helper()
	status := metav1.ConditionFalse
	if on {
		status = metav1.ConditionTrue
	}
	w.eventually(func() error {
		p := w.instance()
		_, err := kube.PatchStatus(w.Context(), env.Client, env.Client, p, func() {
			kube.SetCondition(&p.Status.Conditions, sharedv1.Condition{Type: sharedv1.ConditionPaused, Status: status}, metav1.Now())
		})
		return err
	})
}

func TestThePhaseFollowsTheHealthOfTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.kind.answer(instanceName, unreachable)
	w.create(replicas(2))
	w.says(sharedv1.ConditionReplicaReady, metav1.ConditionTrue, sharedv1.ReasonAllReplicasReady)
	w.becomes(sharedv1.PhaseProvisioning)
	w.kind.answer(instanceName, healthy)
	w.becomes(sharedv1.PhaseReady)
	w.kind.answer(instanceName, unreachable)
	w.becomes(sharedv1.PhaseNotReady)
	w.kind.answer(instanceName, readOnly)
	w.becomes(sharedv1.PhaseCritical)
	w.kind.answer(instanceName, healthy)
	w.becomes(sharedv1.PhaseReady)
}

func TestAMissingMemberMakesTheInstanceCritical(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(replicas(2))
	w.exists(&corev1.Pod{}, "db-0")
	w.exists(&corev1.Pod{}, "db-1")
	w.kubelet.Ready(t, "db-0")
	w.kubelet.Ready(t, "db-1")
	w.becomes(sharedv1.PhaseReady)
	w.kubelet.NotReady(t, "db-1")
	w.becomes(sharedv1.PhaseCritical)
	w.says(sharedv1.ConditionReplicaReady, metav1.ConditionFalse, sharedv1.ReasonSomeReplicasNotReady)
	w.kubelet.Ready(t, "db-1")
	w.becomes(sharedv1.PhaseReady)
}

func TestTheAgentsImageStaysUntilTheTemplateChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create()
	w.becomes(sharedv1.PhaseReady)
	w.edit(&petsetv1.PetSet{}, "db", func(o client.Object) { // as an older operator left it
		o.(*petsetv1.PetSet).Spec.Template.Spec.InitContainers[0].Image = "agent:0"
	})
	w.settles()
	w.agentImage("agent:0")
	w.change(func(p *pgBouncer) { p.Spec.Version = "2" })
	w.agentImage("agent:1")
}

func (w *world) agentImage(want string) {
	w.Helper()
	w.eventually(func() error {
		set := &petsetv1.PetSet{}
		if err := w.find(set, "db"); err != nil {
			return err
		}
		if got := set.Spec.Template.Spec.InitContainers[0].Image; got != want {
			return fmt.Errorf("the agent's image is %s, not %s", got, want)
		}
		return nil
	})
}
