package petset

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// edit changes an object of the world behind the controller's back.
func edit[T client.Object](w *world, obj T, name string, change func(T)) {
	w.Helper()
	obj = get(w, obj, name)
	was, _ := obj.DeepCopyObject().(client.Object)
	change(obj)
	if err := env.Client.Patch(w.Context(), obj, client.MergeFrom(was)); err != nil {
		w.Fatalf("edit %s: %v", name, err)
	}
	w.look()
}

// fails runs the controller once and returns its error, which must come.
func (w *world) fails() error {
	w.Helper()
	_, err := w.r.Reconcile(w.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: w.ns, Name: setName}})
	if err == nil {
		w.Fatal("sync succeeds, want an error")
	}
	w.look()
	return err
}

func TestAPodThatNoLongerMatchesIsReleasedAndComesBackWhenItDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(2))
	w.settle()
	uid := w.pods["db-1"].UID
	edit(w, &corev1.Pod{}, "db-1", func(p *corev1.Pod) { p.Labels["app"] = "under-examination" })

	err := w.fails() // its name is still taken
	if want := "pod " + w.ns + "/db-1 exists already, but its labels do not match"; !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want it to contain %q", err, want)
	}
	pod := w.pods["db-1"]
	if len(pod.OwnerReferences) != 0 {
		t.Errorf("the pod is still owned by %v", pod.OwnerReferences)
	}
	if c := w.condition(api.PetSetReplicaFailure); c == nil || c.Status != corev1.ConditionTrue || !strings.Contains(c.Message, "db-1 exists already") {
		t.Errorf("condition ReplicaFailure is %v", c)
	}
	if got := w.set().Status.Replicas; got != 1 {
		t.Errorf("status counts %d replicas, want 1", got)
	}

	edit(w, &corev1.Pod{}, "db-1", func(p *corev1.Pod) { p.Labels["app"] = "db" })
	w.settle()
	if pod := w.pods["db-1"]; pod.UID != uid || !metav1.IsControlledBy(&pod, w.set()) {
		t.Errorf("the pod was not adopted: uid %s (was %s), owners %v", pod.UID, uid, pod.OwnerReferences)
	}
	if c := w.condition(api.PetSetReplicaFailure); c != nil {
		t.Errorf("condition ReplicaFailure is still %v", c)
	}
}

func TestAPodOfAnotherControllerIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(0))
	w.settle()
	other := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "other"}}
	w.create(other)
	pod := newPod(w.set(), Revision{Name: "x", Template: &w.set().Spec.Template}, 0)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(other, corev1.SchemeGroupVersion.WithKind("ConfigMap"))}
	w.create(pod)
	w.change(replicas(1))
	w.look()
	err := w.fails()
	if want := "pod " + w.ns + "/db-0 exists already and belongs to ConfigMap other"; !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want it to contain %q", err, want)
	}
	if got := get(w, &corev1.Pod{}, "db-0"); got.UID != pod.UID || got.DeletionTimestamp != nil || len(got.OwnerReferences) != 1 {
		t.Errorf("the pod was touched: %v", got.ObjectMeta)
	}
}

// TestWhatAnotherControllerOfPetSetsLeftBehindIsTakenOver: its pods, claims and revisions lack the label that the cache
// selects by. Here the reader is limited to labelled objects as that cache is.
func TestWhatAnotherControllerOfPetSetsLeftBehindIsTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle()
	uids := map[string]types.UID{}
	for name, pod := range w.pods {
		uids[name] = pod.UID
		edit(w, &corev1.Pod{}, name, func(p *corev1.Pod) { delete(p.Labels, api.SetLabel) })
		edit(w, &corev1.PersistentVolumeClaim{}, "data-"+name, func(p *corev1.PersistentVolumeClaim) { delete(p.Labels, api.SetLabel) })
	}
	revision := w.set().Status.UpdateRevision
	edit(w, &appsv1.ControllerRevision{}, revision, func(r *appsv1.ControllerRevision) { delete(r.Labels, api.SetLabel) })
	set := w.set()
	set.Status.LabelSelector = "" // which only this controller writes
	if err := env.Client.Status().Update(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	w.r.Client = labelledOnly{w.r.Client}
	w.change(replicas(2)) // a surplus pod has to be found as well, though nothing is created in its place
	w.settle()
	w.want("db-0 ready one", "db-1 ready one")
	for name, pod := range w.pods {
		if pod.UID != uids[name] || pod.Labels[api.SetLabel] != setName {
			t.Errorf("pod %s was not taken over: uid %s (was %s), labels %v", name, pod.UID, uids[name], pod.Labels)
		}
	}
	if got := w.set().Status.UpdateRevision; got != revision {
		t.Errorf("the update revision is %s, want the existing %s", got, revision)
	}
	// A claim is looked at when its pod has to be created again.
	w.delete(get(w, &corev1.Pod{}, "db-1"))
	w.settle()
	if got := get(w, &corev1.PersistentVolumeClaim{}, "data-db-1").Labels[api.SetLabel]; got != setName {
		t.Errorf("the claim's label is %q, want %q", got, setName)
	}
}

// labelledOnly reads only objects with the set's label, as the operator's cache does.
type labelledOnly struct{ client.Client }

func (c labelledOnly) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.Client.List(ctx, list, append(opts, client.HasLabels{api.SetLabel})...)
}

func TestAPodWhoseLabelWasRemovedIsSeenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(2))
	w.settle()
	w.r.Client = labelledOnly{w.r.Client}
	uid := w.pods["db-0"].UID
	edit(w, &corev1.Pod{}, "db-0", func(p *corev1.Pod) { delete(p.Labels, api.SetLabel) })
	w.settle()
	if pod := w.pods["db-0"]; pod.UID != uid || pod.Labels[api.SetLabel] != setName {
		t.Errorf("pod is %s (was %s) with labels %v", pod.UID, uid, pod.Labels)
	}
}

func TestARevisionOfTheSameNameButOtherContentIsACollision(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(0))
	squatter := mustRevision(t, w.set(), 7, 0)
	squatter.OwnerReferences, squatter.Labels = nil, nil
	squatter.Data.Raw = []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"x","image":"y"}]}}}}`)
	w.create(squatter)
	w.settle()
	status := w.set().Status
	if status.CollisionCount == nil || *status.CollisionCount != 1 {
		t.Errorf("collision count is %v, want 1", status.CollisionCount)
	}
	if status.UpdateRevision == squatter.Name || status.UpdateRevision == "" {
		t.Errorf("update revision is %q, want another than the squatter's", status.UpdateRevision)
	}
	if _, wrote := w.sync(); wrote != 0 {
		t.Errorf("a settled set with a collision is written to: %v", w.faults.Writes())
	}
}

func TestHistoryIsKeptToItsLimitAndAnEarlierTemplateIsUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, replicas(1), func(s *api.PetSet) { limit := int32(2); s.Spec.RevisionHistoryLimit = &limit })
	w.settle()
	first := w.set().Status.UpdateRevision
	for i := range 5 {
		w.change(image(fmt.Sprint("v", i)))
		w.settle()
	}
	if n := len(list(w, &appsv1.ControllerRevisionList{}).Items); n != 3 {
		t.Errorf("%d revisions, want the one in use and 2 old ones", n)
	}
	previous := w.set().Status.UpdateRevision
	w.change(image("v3"))
	w.settle()
	w.change(image("v4"))
	w.settle()
	if got := w.set().Status.UpdateRevision; got != previous {
		t.Errorf("back at the template of %s the revision is %s", previous, got)
	}
	for _, r := range list(w, &appsv1.ControllerRevisionList{}).Items {
		if r.Name != previous && r.Revision >= get(w, &appsv1.ControllerRevision{}, previous).Revision {
			t.Errorf("revision %s, not the one in use, is the newest", r.Name)
		}
	}
	w.change(image("one"))
	w.settle()
	if got := w.set().Status.UpdateRevision; got != first {
		t.Errorf("the first template is now %s, was %s: the name is made of the content", got, first)
	}
}

// TestAnEditedSetIsNotActedOnAsItWas: db-0 fails, which changes no number of the status, so that deleting it would be the
// first write of a sync.
func TestAnEditedSetIsNotActedOnAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle()
	w.kubelet.NotReady(t, "db-0")
	w.look()
	w.sync()
	view := &stale{Client: w.r.Client, set: w.set()}
	w.r.Client = view
	w.kubelet.Fail(t, "db-0")
	w.change(image("two"))
	w.look()
	result, wrote := w.sync()
	if wrote != 0 {
		t.Errorf("an outdated sync writes: %v", w.faults.Writes())
	}
	if result.RequeueAfter == 0 {
		t.Error("the sync is not tried again")
	}
	w.want("db-0 Failed one", "db-1 ready one", "db-2 ready one")
	view.set = nil
	w.settle()
	w.want("db-0 ready two", "db-1 ready two", "db-2 ready two")
}

func TestADeletedAndRecreatedSetIsNotActedOnAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle()
	w.change(replicas(1))
	old := w.set()
	w.r.Client = &stale{Client: w.r.Client, set: old}
	w.delete(w.set(), client.PropagationPolicy(metav1.DeletePropagationOrphan))
	w.collect()
	w.create(newSet(w.ns))
	w.look()
	w.sync()
	w.want("db-0 ready one", "db-1 ready one", "db-2 ready one")
}

func TestAStaleViewOfPodsDeletesAndCreatesNothingWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, parallel())
	w.settle()
	uid := w.pods["db-2"].UID
	view := &stale{Client: w.r.Client, pods: list(w, &corev1.PodList{})}
	// Behind the stale view pod 2 is replaced, and then the set is scaled down.
	w.delete(get(w, &corev1.Pod{}, "db-2"))
	w.kubelet.Finish(t, "db-2")
	w.sync()
	w.kubelet.Ready(t, "db-2")
	w.look()
	w.change(replicas(2))
	w.r.Client = view
	w.sync()
	if got := w.pods["db-2"]; got.UID == uid || got.DeletionTimestamp != nil {
		t.Errorf("the new pod (uid %s, old %s) was deleted for the old one", got.UID, uid)
	}
	view.pods = nil
	w.settle()
	w.want("db-0 ready one", "db-1 ready one")

	// A view that lacks pods which exist.
	view.pods = &corev1.PodList{}
	w.sync()
	view.pods = nil
	w.settle()
	w.want("db-0 ready one", "db-1 ready one")
}

// stale reads an old set or old pods.
type stale struct {
	client.Client
	set  *api.PetSet
	pods *corev1.PodList
}

func (c *stale) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if set, is := obj.(*api.PetSet); is && c.set != nil {
		c.set.DeepCopyInto(set)
		return nil
	}
	return c.Client.Get(ctx, key, obj, opts...)
}

func (c *stale) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if pods, is := list.(*corev1.PodList); is && c.pods != nil {
		c.pods.DeepCopyInto(pods)
		return nil
	}
	return c.Client.List(ctx, list, opts...)
}
