package kubeapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/agent/kubeapi"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &env, testenv.Options{})) }

// sights collects what a follower sees of a Secret's key "k"; "-" stands for a Secret that does not exist.
type sights struct {
	mu   sync.Mutex
	list []string
}

func (s *sights) saw(secret *corev1.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret == nil {
		s.list = append(s.list, "-")
		return
	}
	s.list = append(s.list, string(secret.Data["k"]))
}

// last waits until the newest sight is as wanted.
func (s *sights) last(t *testing.T, want string) {
	t.Helper()
	testenv.Eventually(t, func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.list) == 0 || s.list[len(s.list)-1] != want {
			return fmt.Errorf("seen %v, want %q last", s.list, want)
		}
		return nil
	})
}

func follow(t *testing.T, config *rest.Config, ns string) *sights {
	t.Helper()
	c, err := kubeapi.New(config, ns)
	if err != nil {
		t.Fatal(err)
	}
	s := &sights{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		c.FollowSecret(ctx, "s", s.saw)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s
}

func put(t *testing.T, ns, value string) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "s"}}
	err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)
	secret.Data = map[string][]byte{"k": []byte(value)}
	if err == nil {
		err = env.Client.Update(t.Context(), secret)
	} else {
		err = env.Client.Create(t.Context(), secret)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFollowerSeesASecretComeChangeAndGo(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	s := follow(t, env.Config, ns)
	s.last(t, "-")
	put(t, ns, "one")
	s.last(t, "one")
	put(t, ns, "two")
	s.last(t, "two")
	if err := env.Client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "s"}}); err != nil {
		t.Fatal(err)
	}
	s.last(t, "-")
	put(t, ns, "three")
	s.last(t, "three")
}

func TestAFollowerSeesOnlyItsSecret(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	put(t, ns, "mine")
	s := follow(t, env.Config, ns)
	s.last(t, "mine")
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "other"}, Data: map[string][]byte{"k": []byte("theirs")}}
	if err := env.Client.Create(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	put(t, ns, "mine again")
	s.last(t, "mine again")
	if len(s.list) != 2 {
		t.Errorf("seen %v", s.list)
	}
}

// flaky is an API server that answers through from, until break says otherwise for a request.
func flaky(t *testing.T, breaks func(w http.ResponseWriter, r *http.Request) bool) *rest.Config {
	t.Helper()
	transport, err := rest.TransportFor(env.Config)
	if err != nil {
		t.Fatal(err)
	}
	host := env.Config.Host
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	target, err := url.Parse(host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	proxy.FlushInterval = -1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !breaks(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return &rest.Config{Host: server.URL}
}

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

func TestAFollowerReadsAnewWhenItsVersionIsGone(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	put(t, ns, "one")
	var watches, reads atomic.Int32
	config := flaky(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !isWatch(r) {
			reads.Add(1)
			return false
		}
		switch watches.Add(1) {
		case 1: // the answer itself is 410 Gone
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusGone)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}`)
			return true
		case 2: // or an event of the watch is
			put(t, ns, "two")
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintln(w, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}`)
			return true
		}
		return false
	})
	s := follow(t, config, ns)
	s.last(t, "two")
	put(t, ns, "three")
	s.last(t, "three")
	if watches.Load() < 3 || reads.Load() < 3 {
		t.Errorf("%d watches and %d reads", watches.Load(), reads.Load())
	}
}

func TestAFollowerGoesOnAfterAnOutage(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	put(t, ns, "one")
	var down atomic.Bool
	config := flaky(t, func(w http.ResponseWriter, r *http.Request) bool {
		if down.Load() {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		if isWatch(r) { // a watch that breaks soon
			w.Header().Set("Content-Type", "application/json")
			w.(http.Flusher).Flush()
			down.Store(true)
			panic(http.ErrAbortHandler)
		}
		return false
	})
	s := follow(t, config, ns)
	testenv.Eventually(t, func(context.Context) error {
		if !down.Load() {
			return errors.New("no outage yet")
		}
		return nil
	})
	put(t, ns, "two")
	down.Store(false)
	s.last(t, "two")
}

func TestAWatchThatEndsInOrderGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	put(t, ns, "one")
	var reads atomic.Int32
	config := flaky(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if !isWatch(r) {
			reads.Add(1)
			return false
		}
		query := r.URL.Query()
		query.Set("timeoutSeconds", "2") // the API server ends the watch after that
		r.URL.RawQuery = query.Encode()
		return false
	})
	s := follow(t, config, ns)
	s.last(t, "one")
	for _, value := range []string{"two", "three", "four"} {
		put(t, ns, value)
		s.last(t, value)
	}
	if len(s.list) > 8 {
		t.Errorf("seen the same again and again: %v", s.list)
	}
}

func announcer(t *testing.T, config *rest.Config, ns, uid string) (*kubeapi.Announcer, func()) {
	t.Helper()
	c, err := kubeapi.New(config, ns)
	if err != nil {
		t.Fatal(err)
	}
	a := kubeapi.NewAnnouncer(c, "p", uid)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		a.Run(ctx)
		close(ended)
	}()
	stop := func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return a, stop
}

func newPod(t *testing.T, ns string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "p"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	if err := env.Client.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

// has waits until the pod has an annotation's value.
func has(t *testing.T, pod *corev1.Pod, value string) {
	t.Helper()
	testenv.Eventually(t, func(ctx context.Context) error {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		if pod.Annotations["a"] != value {
			return fmt.Errorf("the annotation is %q, want %q", pod.Annotations["a"], value)
		}
		return nil
	})
}

func TestWhatIsAnnouncedIsOnThePodAndWrittenOnce(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	pod := newPod(t, ns)
	a, _ := announcer(t, env.Config, ns, string(pod.UID))
	a.Label("role", "primary")
	a.Annotate("a", "one")
	has(t, pod, "one")
	if pod.Labels["role"] != "primary" {
		t.Errorf("the labels are %v", pod.Labels)
	}
	version := pod.ResourceVersion
	a.Annotate("a", "one")
	a.Annotate("a", "two")
	has(t, pod, "two")
	a.Annotate("a", "two")
	if pod.ResourceVersion == version {
		t.Error("the change was not written")
	}
}

func TestAnAnnouncementSurvivesFailedWrites(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	pod := newPod(t, ns)
	var failures atomic.Int32
	config := flaky(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && failures.Add(1) <= 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	})
	a, _ := announcer(t, config, ns, string(pod.UID))
	a.Annotate("a", "one")
	has(t, pod, "one")
}

func TestTheLastWordsAreWrittenOnTheWayOut(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	pod := newPod(t, ns)
	a, stop := announcer(t, env.Config, ns, string(pod.UID))
	a.Annotate("a", "last")
	stop()
	has(t, pod, "last")
}

func TestAnAgentDoesNotWriteOnANamesake(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	pod := newPod(t, ns)
	a, stop := announcer(t, env.Config, ns, "another-uid")
	a.Annotate("a", "wrong")
	stop()
	has(t, pod, "")
}

// TestAnObjectThatNeverChangesCostsNoReads: its version stays what it was when the server can watch from it no more.
func TestAnObjectThatNeverChangesCostsNoReads(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	put(t, ns, "one")
	var watching, reads atomic.Int32
	s := follow(t, flaky(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case !isWatch(r):
			reads.Add(1)
		case r.URL.Query().Get("resourceVersion") == "0":
			watching.Add(1)
		default:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintln(w, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}`)
			return true
		}
		return false
	}), ns)
	testenv.Eventually(t, func(context.Context) error {
		if watching.Load() == 0 {
			return errors.New("nobody watches")
		}
		return nil
	})
	put(t, ns, "two")
	s.last(t, "two")
	if watching.Load() != 1 || reads.Load() != 2 {
		t.Errorf("%d watches from any state and %d reads", watching.Load(), reads.Load())
	}
}
