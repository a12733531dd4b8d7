package ops

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// world is a namespace with one database, and everything around the engine that acts on it: PetSet controller, kubelet,
// agents, and a clock that stands still unless all of them wait.
//
// What a server does depends on its configuration: with refused=… it rejects the file, with restart_crash=… it does
// not start, and with restart_dead=… its pod cannot even be run any more until it is replaced.
type world struct {
	t       testing.TB
	ns      string
	uid     string // of the database
	client  client.Client
	kubelet testenv.Kubelet

	mu    sync.Mutex
	clock time.Time
	// made counts the pods that ever existed, by name; booted is what each server started with, by UID; inForce is the
	// hash of the files that it last took.
	made    map[string]int
	booted  map[types.UID]string
	inForce map[types.UID]string
	// tried counts the throwaway pods.
	tried int
	// cuts is how many sessions go with a pod, if its agent can tell; goAtOnce lets the pod vanish with its last words.
	cuts     map[string]int
	goAtOnce bool
	// stuck pods never become ready.
	stuck map[string]bool
	// cluster is set if one of the members is the primary and the others follow it.
	cluster *cluster
	// certificates is set if there is a cert-manager.
	certificates *certificates
	// went lists the pods that were replaced, in order.
	went []string
}

const dbName = "db"

func newWorld(t testing.TB, replicas int) *world {
	t.Helper()
	return makeWorld(t, replicas, nil, nil)
}

// makeWorld makes a world with a cluster, or with certificates, if they are given.
func makeWorld(t testing.TB, replicas int, c *cluster, begin *certified) *world {
	t.Helper()
	ns := env.Namespace(t)
	w := &world{
		t: t, ns: ns, client: env.Client, kubelet: env.Kubelet(ns), clock: time.Now().Truncate(time.Second),
		made: map[string]int{}, booted: map[types.UID]string{}, inForce: map[types.UID]string{}, stuck: map[string]bool{},
		cluster: c,
	}
	pool := &kubedbv1alpha2.Pgpool{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: dbName},
		Spec: kubedbv1alpha2.PgpoolSpec{
			Version: "4.3.5", Replicas: ptr.To(int32(replicas)), //nolint:gosec // small
			PostgresRef: sharedv1.ObjectReference{Name: "pg"},
		},
	}
	if begin != nil {
		w.certificates = newCertificates(t, ns)
		pool.Spec.TLS = issuedBy(begin.before)
	}
	w.must(w.client.Create(w.ctx(), pool))
	w.uid = string(pool.UID)
	pool.Status.Phase = sharedv1.PhaseReady
	w.must(w.client.Status().Update(w.ctx(), pool))
	desired := w.desired(pool)
	w.create(desired.Config, desired.PetSet)
	if desired.TLS != nil {
		w.create(desired.TLS.Certificates...)
		w.tick()
		w.create(w.desired(pool).TLS.Published)
	}
	w.create(w.desired(pool).AppBinding)
	for w.tick() {
	}
	return w
}

// desired is what the kind makes of the database as it is given.
func (w *world) desired(pool *kubedbv1alpha2.Pgpool) database.Desired {
	w.t.Helper()
	gathered, err := fakeKind{}.Gather(w.ctx(), w.client, fakeInstance{pool})
	w.must(err)
	desired, err := fakeKind{}.Build(gathered)
	w.must(err)
	return desired
}

func (w *world) create(objects ...client.Object) {
	w.t.Helper()
	for _, obj := range objects {
		w.must(w.client.Create(w.ctx(), obj, client.FieldOwner(naming.FieldOwner)))
	}
}

func (w *world) ctx() context.Context { return w.t.Context() }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// engine returns an engine of its own, as a freshly started operator has it.
func (w *world) engine(c client.Client) *Reconciler {
	return NewReconciler(fakeKind{}, c, c, Options{Now: w.now, Unprobed: true, Present: w.certificates.show, Logs: func(_ context.Context, pod client.ObjectKey, container string) (string, error) {
		return "FATAL: log of " + pod.Name + "/" + container, nil
	}})
}

// ask creates a request.
func (w *world) ask(name string, spec opsv1alpha1.PgpoolOpsRequestSpec) *opsv1alpha1.PgpoolOpsRequest {
	w.t.Helper()
	spec.DatabaseRef.Name = dbName
	request := &opsv1alpha1.PgpoolOpsRequest{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name}, Spec: spec}
	w.must(w.client.Create(w.ctx(), request))
	return request
}

func restart() opsv1alpha1.PgpoolOpsRequestSpec {
	return opsv1alpha1.PgpoolOpsRequestSpec{Type: opsv1alpha1.OpsRestart}
}

func update(version string) opsv1alpha1.PgpoolOpsRequestSpec {
	return opsv1alpha1.PgpoolOpsRequestSpec{Type: opsv1alpha1.OpsUpdateVersion, RequestBase: opsv1alpha1.RequestBase{
		UpdateVersion: &opsv1alpha1.UpdateVersionSpec{TargetVersion: version},
	}}
}

func reconfigure(text string) opsv1alpha1.PgpoolOpsRequestSpec {
	return opsv1alpha1.PgpoolOpsRequestSpec{
		Type: opsv1alpha1.OpsReconfigure,
		Configuration: &opsv1alpha1.PgpoolReconfigurationSpec{ReconfigurationSpec: opsv1alpha1.ReconfigurationSpec{
			ApplyConfig: map[string]string{file: text},
		}},
	}
}

// drive lets engine and world take turns until the request is over. A clock moves on only when nobody has anything to do.
func (w *world) drive(r *Reconciler, name string) *opsv1alpha1.PgpoolOpsRequest {
	w.t.Helper()
	for range 300 {
		request, result := w.step(r, name)
		if request == nil || request.Status.Phase.Finished() && len(request.Finalizers) == 0 {
			return request
		}
		if !w.tick() && result.RequeueAfter > 0 {
			w.pass(result.RequeueAfter)
		}
	}
	w.t.Fatalf("request %s comes to no end: %s", name, w.dump(name))
	return nil
}

// step reconciles once and returns the request as it is then; nil when it is gone.
func (w *world) step(r *Reconciler, name string) (*opsv1alpha1.PgpoolOpsRequest, ctrl.Result) {
	w.t.Helper()
	key := client.ObjectKey{Namespace: w.ns, Name: name}
	result, err := r.Reconcile(w.ctx(), ctrl.Request{NamespacedName: key})
	if err != nil {
		w.t.Logf("reconcile %s: %v", name, err)
	}
	return w.request(name), result
}

func (w *world) request(name string) *opsv1alpha1.PgpoolOpsRequest {
	w.t.Helper()
	request := &opsv1alpha1.PgpoolOpsRequest{}
	err := w.client.Get(w.ctx(), client.ObjectKey{Namespace: w.ns, Name: name}, request)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return request
}

func (w *world) database() *kubedbv1alpha2.Pgpool {
	w.t.Helper()
	pool := &kubedbv1alpha2.Pgpool{}
	w.must(w.client.Get(w.ctx(), client.ObjectKey{Namespace: w.ns, Name: dbName}, pool))
	return pool
}

func (w *world) secret() *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: w.ns, Name: naming.ConfigSecret(dbName, w.uid)}
	w.must(w.client.Get(w.ctx(), key, secret))
	return secret
}

// everyPod returns the members' pods by name, and the throwaway pods.
func (w *world) everyPod() (members map[string]corev1.Pod, trials []corev1.Pod) {
	w.t.Helper()
	var list corev1.PodList
	w.must(w.client.List(w.ctx(), &list, client.InNamespace(w.ns)))
	members = map[string]corev1.Pod{}
	for _, pod := range list.Items {
		if _, trial := pod.Labels[naming.LabelTrial]; trial {
			trials = append(trials, pod)
		} else {
			members[pod.Name] = pod
		}
	}
	return members, trials
}

func (w *world) pods() map[string]corev1.Pod {
	w.t.Helper()
	members, _ := w.everyPod()
	return members
}

func (w *world) trials() []corev1.Pod {
	w.t.Helper()
	_, trials := w.everyPod()
	return trials
}

// runTrials lets the throwaway pods run to their end.
func (w *world) runTrials(trials []corev1.Pod) bool {
	w.t.Helper()
	changed := false
	for _, pod := range trials {
		if pod.DeletionTimestamp != nil {
			w.kubelet.Finish(w.t, pod.Name)
			changed = true
			continue
		}
		if pod.Status.Phase != corev1.PodPending || len(pod.Status.ContainerStatuses) > 0 {
			continue
		}
		changed = true
		w.tried++
		state := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		phase := corev1.PodSucceeded
		switch pod.Spec.Containers[0].Image {
		case "pgpool:" + pickyVersion:
			state.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Message: "FATAL: I do not take this"}
			phase = corev1.PodFailed
		case "pgpool:" + missingVersion:
			state = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}}
			phase = corev1.PodPending
		}
		was := pod.DeepCopy()
		pod.Status.Phase = phase
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: state}}
		w.must(client.IgnoreNotFound(w.client.Status().Patch(w.ctx(), &pod, client.MergeFrom(was))))
	}
	return changed
}

// see lets the PetSet controller take note of a new template.
func (w *world) see(set *petsetv1.PetSet) bool {
	w.t.Helper()
	if set.Status.ObservedGeneration == set.Generation || ptr.Deref(set.Spec.Replicas, 1) == 0 {
		return false
	}
	was := set.DeepCopy()
	set.Status.ObservedGeneration, set.Status.Replicas = set.Generation, ptr.Deref(set.Spec.Replicas, 1)
	w.must(client.IgnoreNotFound(w.client.Status().Patch(w.ctx(), set, client.MergeFrom(was))))
	return true
}

// tick gives everybody but the engine one turn. It returns whether anything changed.
func (w *world) tick() bool {
	w.t.Helper()
	pods, trials := w.everyPod()
	changed := w.runTrials(trials)
	changed = w.certificates.issue(w) || changed
	set := &petsetv1.PetSet{}
	err := w.client.Get(w.ctx(), client.ObjectKey{Namespace: w.ns, Name: dbName}, set)
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	for name := range pods {
		if pod := pods[name]; pod.DeletionTimestamp != nil {
			if w.sayLast(pod) && !w.goAtOnce {
				changed = true
				continue
			}
			w.kubelet.Finish(w.t, name)
			delete(pods, name)
			w.went = append(w.went, name)
			changed = true
		}
	}
	if err == nil {
		changed = w.see(set) || changed
		for ordinal := range int(ptr.Deref(set.Spec.Replicas, 1)) {
			name := fmt.Sprintf("%s-%d", dbName, ordinal)
			if _, found := pods[name]; !found {
				pods[name] = w.makePod(name, set)
				changed = true
			}
		}
	}
	if len(pods) == 0 {
		return changed
	}
	data := w.secret().Data
	for _, name := range slices.Sorted(maps.Keys(pods)) {
		changed = w.agent(pods[name], data) || changed
	}
	return w.cluster.replay(w, pods) || changed
}

// sayLast lets the agent of a pod that ends say how many sessions it cut, if it can tell and has not yet.
func (w *world) sayLast(pod corev1.Pod) bool {
	w.t.Helper()
	n, counted := w.cuts[pod.Name]
	say := report.Report{SessionsCut: &n}
	if !counted || pod.Annotations[naming.AnnotationReport] == say.String() {
		return false
	}
	return w.report(pod, say)
}

func (w *world) makePod(name string, set *petsetv1.PetSet) corev1.Pod {
	w.t.Helper()
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name, Labels: set.Spec.Template.Labels},
		Spec:       *set.Spec.Template.Spec.DeepCopy(),
	}
	w.cluster.label(&pod)
	w.must(w.client.Create(w.ctx(), &pod))
	w.made[name]++
	w.booted[pod.UID] = w.cluster.boot(w, name, string(w.secret().Data[file]))
	w.kubelet.Run(w.t, name)
	return pod
}

// agent does what the agent in a pod does: take the newest files, or refuse them, and report.
func (w *world) agent(pod corev1.Pod, data map[string][]byte) bool {
	w.t.Helper()
	hash, text := report.HashFiles(data), string(data[file])
	booted := lines([]byte(w.booted[pod.UID]))
	image := pod.Spec.Containers[0].Image
	if _, dead := booted["restart_dead"]; dead || w.stuck[pod.Name] || image == "pgpool:"+deadVersion {
		return false
	}
	var say report.Report
	_, refused := lines(data[file])["refused"]
	if since, found := lines(data[file])["since"]; found && image != "pgpool:"+since {
		refused = true
	}
	if authority, named := lines(data[file])["authority"]; named && authority != w.credentials("authority") {
		refused = true
	}
	_, crash := booted["restart_crash"]
	switch {
	case crash && strings.Contains(text, "restart_crash"):
		say.Problem = "the server does not start: restart_crash"
	case refused:
		say.ConfigHash = w.inForce[pod.UID]
		say.Rejected = &report.Rejection{ConfigHash: hash, Message: `unrecognized parameter "refused" in line 2`}
	default:
		if crash { // it never ran: starting with what is there now is no restart
			w.booted[pod.UID] = text
			booted = lines(data[file])
		}
		w.inForce[pod.UID] = hash
		say.ConfigHash = hash
		say.PendingRestart = pending(booted, lines(data[file]))
		w.cluster.say(pod.Name, lines(data[file]), &say)
	}
	w.certificates.say(w, lines(data[file]), &say)
	return w.report(pod, say)
}

// credentials is what the Secret with the credentials has under a key.
func (w *world) credentials(key string) string {
	w.t.Helper()
	secret := &corev1.Secret{}
	w.must(client.IgnoreNotFound(w.client.Get(w.ctx(), client.ObjectKey{Namespace: w.ns, Name: credentialsName}, secret)))
	return string(secret.Data[key])
}

func pending(booted, now map[string]string) []string {
	var names []string
	for name := range now {
		if takesRestart(name) && booted[name] != now[name] {
			names = append(names, name)
		}
	}
	for name := range booted {
		if _, still := now[name]; takesRestart(name) && !still {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// report writes what the agent says, and lets the pod be ready if its server serves.
func (w *world) report(pod corev1.Pod, say report.Report) bool {
	w.t.Helper()
	changed := false
	if pod.Annotations[naming.AnnotationReport] != say.String() {
		patched := pod.DeepCopy()
		metav1.SetMetaDataAnnotation(&patched.ObjectMeta, naming.AnnotationReport, say.String())
		err := w.client.Patch(w.ctx(), patched, client.MergeFrom(&pod))
		if apierrors.IsNotFound(err) {
			return true
		}
		w.must(err)
		changed = true
	}
	serves := say.ConfigHash != ""
	if serves != isReady(pod) {
		if serves {
			w.kubelet.Ready(w.t, pod.Name)
		} else {
			w.kubelet.NotReady(w.t, pod.Name)
		}
		changed = true
	}
	return changed
}

func isReady(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// dump shows how far a request is.
func (w *world) dump(name string) string {
	request := w.request(name)
	if request == nil {
		return name + " is gone"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, journal %+v\n", name, request.Status.Phase, request.Status.Journal)
	for _, c := range request.Status.Conditions {
		fmt.Fprintf(&b, "  %s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	return b.String()
}

// conditionsOf lists the conditions that are True, in order.
func conditionsOf(request *opsv1alpha1.PgpoolOpsRequest) []string {
	var types []string
	for _, c := range request.Status.Conditions {
		if c.Status == metav1.ConditionTrue {
			types = append(types, c.Type)
		}
	}
	return types
}

// consistent asserts that spec, Secret and servers agree, and that every server serves.
func (w *world) consistent() {
	w.t.Helper()
	pool := w.database()
	gathered, err := fakeKind{}.Gather(w.ctx(), w.client, fakeInstance{pool})
	w.must(err)
	data := w.secret().Data
	if want, got := gathered.(fakeGathered).text(), string(data[file]); want != got {
		w.t.Errorf("the spec asks for %q, the Secret holds %q", want, got)
	}
	if left := w.trials(); len(left) > 0 {
		w.t.Errorf("the throwaway pod %s is left", left[0].Name)
	}
	hash := report.HashFiles(data)
	for name, pod := range w.pods() {
		if image := pod.Spec.Containers[0].Image; image != "pgpool:"+pool.Spec.Version {
			w.t.Errorf("pod %s has the image %s, the spec asks for version %s", name, image, pool.Spec.Version)
		}
		r, err := report.Parse(pod.Annotations)
		if err != nil || !r.Accepted(hash) || len(r.PendingRestart) > 0 || !isReady(pod) {
			w.t.Errorf("pod %s is not ready with the configuration in force: %+v, %v", name, r, err)
		}
	}
}
