package ops

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// server is a Postgres behind the database of a world, with a request of the given type for it.
type server struct {
	w        *world
	postgres *kubedbv1.Postgres
	request  *opsv1alpha1.PostgresOpsRequest
}

func (w *world) server(operation opsv1alpha1.OpsRequestType) *server {
	w.t.Helper()
	s := &server{
		w:        w,
		postgres: &kubedbv1.Postgres{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "pg"}, Spec: kubedbv1.PostgresSpec{Version: "17"}},
		request:  &opsv1alpha1.PostgresOpsRequest{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "pg-op"}},
	}
	s.request.Spec.Type = operation
	s.request.Spec.DatabaseRef.Name = s.postgres.Name
	w.create(s.postgres, s.request)
	return s
}

// pause has the request begin, resume has it over.
func (s *server) pause() {
	s.w.t.Helper()
	take(s.postgres.DatabaseStatus(), "PostgresOpsRequest", s.request, metav1.Now())
	s.w.must(s.w.client.Status().Update(s.w.ctx(), s.postgres))
}

func (s *server) resume() {
	s.w.t.Helper()
	release(s.postgres.DatabaseStatus(), holdOf(s.request))
	s.w.must(s.w.client.Status().Update(s.w.ctx(), s.postgres))
}

// waitsForServer asserts that the request has to wait for the operation on the Postgres, and holds nothing meanwhile.
func (w *world) waitsForServer() {
	w.t.Helper()
	request := w.request("op")
	w.wantPhase(request, pendingNow)
	if got := request.Status.Journal.Waiting; !strings.Contains(got, "pg-op") {
		w.t.Errorf("the request waits for %q", got)
	}
	w.untouched(map[string]int{"db-0": 1})
}

func TestAPoolersRequestWaitsWhileTheTLSOfItsPostgresChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	pg := w.server(opsv1alpha1.OpsReconfigureTLS)
	pg.pause()
	w.ask("op", restart())
	r := w.engine(w.client)
	for range 3 {
		w.step(r, "op")
		w.waitsForServer()
	}
	pg.resume()
	w.wantPhase(w.drive(r, "op"), successful)
}

func TestAPoolersRequestDoesNotWaitForAnotherOperationOnItsPostgres(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.server(opsv1alpha1.OpsRestart).pause()
	w.ask("op", restart())
	w.wantPhase(w.drive(w.engine(w.client), "op"), successful)
}

// Both look whether the other one is paused, before either is.
func TestAPoolersRequestThatBeginsAtOnceWithItsPostgresLeavesItTheTurn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	pg := w.server(opsv1alpha1.OpsReconfigureTLS)
	w.ask("op", restart())
	r := w.engine(beforeFirst(t, "/pgpools/"+dbName+"/status", pg.pause))
	for range 3 {
		w.step(r, "op")
	}
	w.waitsForServer()
	pg.resume()
	w.wantPhase(w.drive(r, "op"), successful)
}

// beforeFirst returns a client that calls something before it first writes to a path.
func beforeFirst(t *testing.T, path string, call func()) client.Client {
	t.Helper()
	var once sync.Once
	cfg := rest.CopyConfig(env.Config)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method != http.MethodGet && strings.HasSuffix(req.URL.Path, path) {
				once.Do(call)
			}
			return next.RoundTrip(req)
		})
	})
	return clientOf(t, cfg)
}

func TestTLSComesAndGoesWhenNoPoolerInFrontIsBeingOperatedOn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]struct {
		issuer string
		spec   opsv1alpha1.PgpoolOpsRequestSpec
	}{
		"added": {"", reconfigureTLS(firstIssuer)}, "removed": {firstIssuer, withoutTLS()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := makeWorld(t, 2, nil, &certified{before: change.issuer})
			front := w.front()
			told := w.sslModeOfClients()
			change.spec.Timeout = nil
			w.ask("op", change.spec)
			r := w.engine(w.client)
			waiting := ""
			for range 20 {
				request, _ := w.step(r, "op")
				waiting = request.Status.Journal.Waiting
				w.tick()
			}
			if !strings.Contains(waiting, front.Namespace+"/front") {
				t.Errorf("the request waits for %q", waiting)
			}
			if now := w.sslModeOfClients(); now != told {
				t.Errorf("clients were told %s, and are told %s while a pooler is being operated on", told, now)
			}
			release(front.DatabaseStatus(), hold{"front-op", "uid"})
			w.must(w.client.Status().Update(w.ctx(), front))
			w.wantPhase(w.drive(r, "op"), successful)
		})
	}
}

// front makes a pooler in front of the world's database, in a namespace of its own, which is being operated on.
func (w *world) front() *kubedbv1.PgBouncer {
	w.t.Helper()
	ns := env.Namespace(w.t)
	front := &kubedbv1.PgBouncer{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "front"}, Spec: kubedbv1.PgBouncerSpec{Version: "1.24"}}
	front.Spec.Database.DatabaseName = "postgres"
	front.Spec.Database.DatabaseRef = appcatalogv1alpha1.AppReference{Namespace: w.ns, Name: dbName}
	labels := naming.Offshoot(nil, naming.NamePgBouncer, front.Name, naming.ComponentPooler)
	labels[naming.LabelBackend] = naming.BackendKey(w.ns, dbName)
	w.create(front, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "front-0", Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "pgbouncer", Image: "pgbouncer"}}},
	})
	request := &opsv1alpha1.PgBouncerOpsRequest{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "front-op", UID: "uid"}}
	take(front.DatabaseStatus(), "PgBouncerOpsRequest", request, metav1.Now())
	w.must(w.client.Status().Update(w.ctx(), front))
	return front
}
