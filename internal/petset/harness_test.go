package petset

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &env, testenv.Options{})) }

// setName is the name of the one set that each test has in its namespace.
const setName = "db"

// option changes a set before it is created.
type option func(*api.PetSet)

func replicas(n int32) option { return func(s *api.PetSet) { s.Spec.Replicas = ptr.To(n) } }
func parallel() option {
	return func(s *api.PetSet) { s.Spec.PodManagementPolicy = appsv1.ParallelPodManagement }
}
func image(name string) option {
	return func(s *api.PetSet) { s.Spec.Template.Spec.Containers[0].Image = name }
}
func onDelete() option {
	return func(s *api.PetSet) { s.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType }
}

func partition(n int32) option {
	return func(s *api.PetSet) {
		s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To(n)}
	}
}

func retention(whenDeleted, whenScaled appsv1.PersistentVolumeClaimRetentionPolicyType) option {
	return func(s *api.PetSet) {
		s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
			WhenDeleted: whenDeleted, WhenScaled: whenScaled}
	}
}

// newSet is a set of three ordered pods with one claim each, changed by the options.
func newSet(ns string, options ...option) *api.PetSet {
	labels := map[string]string{"app": setName}
	set := &api.PetSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: setName},
		Spec: api.PetSetSpec{
			Replicas:    ptr.To(int32(3)),
			Selector:    &metav1.LabelSelector{MatchLabels: labels},
			ServiceName: "db-pods",
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "one"}}},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
				},
			}},
		},
	}
	for _, o := range options {
		o(set)
	}
	return set
}

// world is one set in a namespace of its own, synced step by step, with the invariants checked after every sync.
type world struct {
	testing.TB
	ns      string
	kubelet testenv.Kubelet
	faults  *testenv.Faults
	events  *events.FakeRecorder
	r       *Reconciler
	now     time.Time

	pods   map[string]corev1.Pod  // as of the last look
	claims map[string]types.UID   // every claim ever seen, by name
	lossOK func(ordinal int) bool // whether the claims of an ordinal may go
	mortal bool                   // each sync is a controller\'s first and last, and can write once
	set    func() *api.PetSet     // the set as it is
}

func newWorld(t testing.TB, options ...option) *world {
	t.Helper()
	w := &world{TB: t, ns: env.Namespace(t), now: time.Now(), claims: map[string]types.UID{}, lossOK: func(int) bool { return false }}
	w.kubelet = env.Kubelet(w.ns)
	w.restart(&testenv.Faults{})
	w.set = func() *api.PetSet { t.Helper(); return get(w, &api.PetSet{}, setName) }
	w.create(newSet(w.ns, options...))
	w.look()
	return w
}

// restart replaces the controller by a new one, whose writes go through the faults.
func (w *world) restart(f *testenv.Faults) {
	w.Helper()
	w.faults = f
	w.events = events.NewFakeRecorder(1000)
	c := env.FaultyClient(w, f)
	w.r = &Reconciler{Client: c, Live: c, Events: w.events, Now: func() time.Time { return w.now }}
}

func (w *world) create(obj client.Object) {
	w.Helper()
	if err := env.Client.Create(w.Context(), obj); err != nil {
		w.Fatalf("create %s: %v", obj.GetName(), err)
	}
}

func (w *world) delete(obj client.Object, options ...client.DeleteOption) {
	w.Helper()
	if err := env.Client.Delete(w.Context(), obj, options...); err != nil {
		w.Fatalf("delete %s: %v", obj.GetName(), err)
	}
}

// change edits the set.
func (w *world) change(options ...option) {
	w.Helper()
	set := w.set()
	was := set.DeepCopy()
	for _, o := range options {
		o(set)
	}
	if err := env.Client.Patch(w.Context(), set, client.MergeFrom(was)); err != nil {
		w.Fatalf("change the set: %v", err)
	}
}

// sync runs the controller once and checks what must hold after every sync. Only an injected fault may make it fail.
func (w *world) sync() (result reconcile.Result, wrote int) {
	w.Helper()
	if w.mortal {
		w.restart(&testenv.Faults{})
		w.faults.FailFrom(2, testenv.ErrConnectionLost)
	}
	before, fired, writes := w.pods, w.faults.Fired(), len(w.faults.Writes())
	result, err := w.r.Reconcile(w.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: w.ns, Name: setName}})
	if err != nil && w.faults.Fired() == fired {
		w.Fatalf("sync: %v", err)
	}
	w.look()
	w.checkInvariants(before)
	return result, len(w.faults.Writes()) - writes
}

// settle lets controller, kubelet and garbage collector work until none of them has anything left to do.
func (w *world) settle() {
	w.Helper()
	for range 200 {
		_, wrote := w.sync()
		ran := w.kubelet.Round(w)
		if wrote == 0 && !ran && !w.collect() {
			return
		}
		w.look()
	}
	w.Fatalf("does not settle; pods: %v; writes: %v", w.states(), w.faults.Writes())
}

// collect lets the garbage collector work.
func (w *world) collect() bool {
	w.Helper()
	return env.Collect(w, w.ns, api.GroupVersion.WithKind(api.PetSetKind), corev1.SchemeGroupVersion.WithKind("Pod"),
		corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), appsv1.SchemeGroupVersion.WithKind("ControllerRevision"))
}

// look reads pods and claims.
func (w *world) look() {
	w.Helper()
	w.pods = map[string]corev1.Pod{}
	for _, pod := range list(w, &corev1.PodList{}).Items {
		w.pods[pod.Name] = pod
	}
	for _, claim := range list(w, &corev1.PersistentVolumeClaimList{}).Items {
		if _, known := w.claims[claim.Name]; !known {
			w.claims[claim.Name] = claim.UID
		}
	}
}

func (w *world) checkInvariants(before map[string]corev1.Pod) {
	w.Helper()
	var found api.PetSet
	if err := env.Client.Get(w.Context(), client.ObjectKey{Namespace: w.ns, Name: setName}, &found); err != nil {
		return // no set, no rules
	}
	set := &found
	s := settingsOf(set)
	ordinals := map[string]string{}
	for name, pod := range w.pods {
		if !metav1.IsControlledBy(&pod, set) {
			continue
		}
		index := pod.Labels[api.PodIndexLabel]
		if other, taken := ordinals[index]; taken {
			w.Errorf("pods %s and %s share ordinal %s", name, other, index)
		}
		ordinals[index] = name
	}
	if s.ordered {
		w.checkOrder(set, before)
	}
	now := map[string]types.UID{}
	for _, claim := range list(w, &corev1.PersistentVolumeClaimList{}).Items {
		now[claim.Name] = claim.UID
	}
	for name, uid := range w.claims {
		ordinal, _ := OrdinalOf(setName, strings.TrimPrefix(name, "data-"))
		if now[name] != uid && !w.lossOK(ordinal) {
			w.Errorf("claim %s is lost", name)
		}
	}
}

// checkOrder checks what one sync of an ordered set did to its pods.
func (w *world) checkOrder(set *api.PetSet, before map[string]corev1.Pod) {
	w.Helper()
	s := settingsOf(set)
	made, ended := 0, 0
	for name, pod := range w.pods {
		was, existed := before[name]
		ordinal, _ := OrdinalOf(setName, name)
		if !existed || was.UID != pod.UID {
			made++
			for i := s.start; i < ordinal; i++ {
				if p, exists := before[PodName(setName, i)]; !exists || !ready(&p) || terminating(&p) {
					w.Errorf("pod %s was created before pod %d was ready", name, i)
				}
			}
		} else if terminating(&pod) && !terminating(&was) {
			ended++
		}
	}
	for name := range before {
		if _, exists := w.pods[name]; !exists {
			ended++
		}
	}
	if made+ended > max(1, s.maxUnavailable) {
		w.Errorf("one sync of an ordered set created %d pods and deleted %d", made, ended)
	}
}

// states describes the pods for messages and comparisons: "db-0 ready one".
func (w *world) states() (out []string) {
	for name, pod := range w.pods {
		state := string(pod.Status.Phase)
		switch {
		case terminating(&pod):
			state = "terminating"
		case ready(&pod):
			state = "ready"
		}
		out = append(out, fmt.Sprintf("%s %s %s", name, state, pod.Spec.Containers[0].Image))
	}
	slices.Sort(out)
	return out
}

// want checks the pods' states, in the words of states.
func (w *world) want(states ...string) {
	w.Helper()
	if got := w.states(); !slices.Equal(got, states) {
		w.Errorf("pods are\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(states, "\n  "))
	}
}

// wantClaims checks which claims exist and are not on their way out.
func (w *world) wantClaims(names ...string) {
	w.Helper()
	var got []string
	for _, claim := range list(w, &corev1.PersistentVolumeClaimList{}).Items {
		if claim.DeletionTimestamp == nil {
			got = append(got, claim.Name)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, names) {
		w.Errorf("claims are %v, want %v", got, names)
	}
}

// condition returns the set's condition of a type, nil if it is absent.
func (w *world) condition(t api.PetSetConditionType) *api.PetSetCondition {
	w.Helper()
	for _, c := range w.set().Status.Conditions {
		if c.Type == t {
			return &c
		}
	}
	return nil
}

func get[T client.Object](w *world, obj T, name string) T {
	w.Helper()
	if err := env.Client.Get(w.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, obj); err != nil {
		w.Fatalf("read %T %s: %v", obj, name, err)
	}
	return obj
}

func list[T client.ObjectList](w *world, into T) T {
	w.Helper()
	if err := env.Client.List(context.WithoutCancel(w.Context()), into, client.InNamespace(w.ns)); err != nil {
		w.Fatalf("list %T: %v", into, err)
	}
	return into
}
