package ops

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/petset"
	"github.com/matriarchdb/matriarch/internal/provision"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// mostWrites is what one operation may cost the API server, whatever controller writes.
const mostWrites = 60

// servingKind is the fake kind with servers that can be asked: clients are served while the primary is ready.
type servingKind struct{ fakeKind }

func (servingKind) Info() database.Info {
	info := fakeKind{}.Info()
	info.Texts = database.Texts{
		ProvisioningStarted: "started %s", ReplicasReady: "all there", Accepting: "accepting %s", AcceptingReason: "AcceptingConnection",
		Ready: "ready %s", ReadyReason: "AllReplicasReady", Provisioned: "provisioned %s",
	}
	return info
}

func (servingKind) Probe(ctx context.Context, from database.Gathered) database.Health {
	pool := from.(fakeGathered).pool
	primary := &corev1.Pod{}
	err := env.Client.Get(ctx, client.ObjectKey{Namespace: pool.Namespace, Name: pool.Name + "-0"}, primary)
	serves := err == nil && primary.DeletionTimestamp == nil && isReady(*primary)
	return database.Health{Accepting: serves, Writable: serves, Message: "the primary does not answer"}
}

// Operation has as many conditions per pod as the kind that has most.
func (servingKind) Operation(t opsv1alpha1.OpsRequestType) (database.OperationTexts, bool) {
	texts, known := fakeKind{}.Operation(t)
	texts.PodChosen, texts.PodBack = nil, []string{"CheckPodReady", "CheckReplicaFunc"}
	return texts, known
}

// fleet is a namespace with all controllers of the operator at work, and members that come and go as on a real node.
type fleet struct {
	*world
	writes testenv.Writes
}

func newFleet(t *testing.T, replicas int32) *fleet {
	t.Helper()
	ns := env.Namespace(t)
	f := &fleet{world: &world{t: t, ns: ns, client: env.Client, kubelet: env.Kubelet(ns), booted: map[types.UID]string{}}}
	kinds := []database.Kind{servingKind{}}
	byObject, err := provision.CacheByObject(kinds)
	f.must(err)
	env.Manager(t, testenv.ManagerOptions{Namespace: ns, Writes: &f.writes, Cache: byObject, Setup: func(mgr ctrl.Manager) error {
		direct, err := client.NewWithWatch(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
		if err != nil {
			return err
		}
		follower, err := kube.NewFollower(mgr.GetCache(), direct, provision.Coverage())
		if err != nil {
			return err
		}
		if err := petset.SetupWithManager(mgr, petset.Options{}); err != nil {
			return err
		}
		if err := SetupWithManager(mgr, kinds, Options{}); err != nil {
			return err
		}
		return provision.Setup(mgr, kinds, provision.Options{
			Follower: follower, Applier: kube.NewApplier(mgr.GetClient(), naming.FieldOwner),
		})
	}})
	f.create(&kubedbv1alpha2.Pgpool{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: dbName},
		Spec: kubedbv1alpha2.PgpoolSpec{
			Version: presentVersion, Replicas: ptr.To(replicas), PostgresRef: sharedv1.ObjectReference{Name: "pg"},
		},
	})
	f.until("the database is Ready", func() bool { return f.database().Status.Phase == sharedv1.PhaseReady })
	return f
}

// until lets kubelet and agents work until something is so.
func (f *fleet) until(what string, so func() bool) {
	f.t.Helper()
	testenv.Eventually(f.t, func(context.Context) error {
		f.live()
		if so() {
			return nil
		}
		return fmt.Errorf("wait until %s; the database says %+v", what, f.database().Status)
	})
}

// live takes every pod one stage further: it ends by ceasing to be ready before it is gone, and begins by running, with an
// agent that says how far the server is, before it is ready.
func (f *fleet) live() {
	f.t.Helper()
	for name, pod := range f.pods() {
		said, err := report.Parse(pod.Annotations)
		f.must(err)
		switch {
		case pod.DeletionTimestamp != nil && isReady(pod):
			f.kubelet.NotReady(f.t, name)
		case pod.DeletionTimestamp != nil:
			f.kubelet.Finish(f.t, name)
		case pod.Status.Phase != corev1.PodRunning:
			f.kubelet.Run(f.t, name)
		case said.Problem == "" && said.ConfigHash == "":
			f.report(pod, report.Report{Problem: "the server is starting"})
		default:
			f.takeFiles(pod)
		}
	}
}

// takeFiles lets a member serve with the files that the Secret holds.
func (f *fleet) takeFiles(pod corev1.Pod) {
	f.t.Helper()
	role := naming.RoleStandby
	if pod.Name == dbName+"-0" {
		role = naming.RolePrimary
	}
	if pod.Labels[naming.LabelRole] != role {
		labelled := pod.DeepCopy()
		metav1.SetMetaDataLabel(&labelled.ObjectMeta, naming.LabelRole, role)
		f.must(client.IgnoreNotFound(f.client.Patch(f.ctx(), labelled, client.MergeFrom(&pod))))
		return
	}
	data := f.secretOf(f.database()).Data
	if f.booted[pod.UID] == "" {
		f.booted[pod.UID] = string(data[file])
	}
	f.report(pod, report.Report{
		ConfigHash: report.HashFiles(data), PendingRestart: pending(lines([]byte(f.booted[pod.UID])), lines(data[file])),
	})
}

func (f *fleet) secretOf(pool *kubedbv1alpha2.Pgpool) *corev1.Secret {
	f.t.Helper()
	f.uid = string(pool.UID)
	return f.secret()
}

func TestAnOperationTakesFewWritesWhateverControllerMakesThem(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]opsv1alpha1.PgpoolOpsRequestSpec{
		"restart": restart(), "reload": reconfigure("a=1\n"), "reload and restart": reconfigure("restart_a=1\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, 3)
			f.quiet()
			f.writes.Reset()
			began := time.Now()
			f.ask("op", spec)
			f.until("the request is over", func() bool {
				request := f.request("op")
				return request.Status.Phase.Finished() && len(request.Finalizers) == 0
			})
			f.wantPhase(f.request("op"), successful)
			f.quiet()
			took := time.Since(began)
			most := mostWrites + int(took/tellEvery) // a slow machine makes it say more often what it waits for
			t.Logf("%d writes in %s:\n%s", f.writes.Total(), took, f.writes.String())
			if got := f.writes.Total(); got > most {
				t.Errorf("%d writes, want at most %d", got, most)
			}
		})
	}
}

// quiet waits until nobody writes any more.
func (f *fleet) quiet() {
	f.t.Helper()
	before, since := -1, time.Now()
	f.until("nobody writes", func() bool {
		if now := f.writes.Total(); now != before {
			before, since = now, time.Now()
		}
		return time.Since(since) > time.Second && f.database().Status.Phase == sharedv1.PhaseReady
	})
}
