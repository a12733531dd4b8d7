package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/agent"
	"github.com/matriarchdb/matriarch/internal/agent/kubeapi"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

var (
	env    *testenv.Env
	binary string // the agent, built for these tests
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	testserver.Contain() // before anything is made, so that it is made once
	dir, err := os.MkdirTemp("", "matriarch-agent")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, agent.BinaryName)
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "github.com/matriarchdb/matriarch/cmd/matriarch-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the agent: %v\n%s", err, output)
		return 1
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return testenv.Main(m, &env, testenv.Options{CRDs: []string{"config/crd"}})
}

// need fails the test in CI, and skips it elsewhere, when it cannot run here. With -short it always skips it.
func need(t *testing.T, programs ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real servers; not with -short")
	}
	missing := ""
	if os.Getuid() != 0 {
		missing = "root, to run servers as another user in a PID namespace"
	}
	for _, program := range programs {
		if _, err := testserver.Find(program); err != nil {
			missing = "the program " + program
		}
	}
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("needs %s", missing)
	default:
		t.Skipf("needs %s", missing)
	}
}

// world is a namespace with what the operator would have made for one database.
type world struct {
	t         *testing.T
	namespace string
	account   string
	uid, gid  uint32
	server    string // address of the API server as the agents see it
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, namespace: env.Namespace(t), account: "db", server: env.Config.Host}
	// Servers refuse to run as root, and initdb needs a user that /etc/passwd knows.
	account, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("these tests run servers as user postgres: %v", err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	w.uid, w.gid = uint32(uid), uint32(gid)
	w.create(&corev1.ServiceAccount{ObjectMeta: w.meta(w.account)})
	return w
}

func (w *world) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.namespace, Name: name}
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := env.Client.Create(w.t.Context(), object); err != nil {
		w.t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// allow grants the agents exactly what the contract with the operator says.
func (w *world) allow(secrets, pods, leases []string) {
	w.t.Helper()
	w.create(&rbacv1.Role{ObjectMeta: w.meta("db"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: secrets, Verbs: []string{"get", "watch"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, ResourceNames: pods, Verbs: []string{"get", "patch"}},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: leases, Verbs: []string{"get", "watch", "update"}},
	}})
	w.create(&rbacv1.RoleBinding{ObjectMeta: w.meta("db"),
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "db"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: w.account}}})
}

// secret creates or replaces a Secret.
func (w *world) secret(name string, data map[string]string) {
	w.t.Helper()
	secret := &corev1.Secret{ObjectMeta: w.meta(name)}
	err := env.Client.Get(w.t.Context(), client.ObjectKeyFromObject(secret), secret)
	secret.Data = map[string][]byte{}
	for key, value := range data {
		secret.Data[key] = []byte(value)
	}
	if err == nil {
		err = env.Client.Update(w.t.Context(), secret)
	} else {
		err = env.Client.Create(w.t.Context(), secret)
	}
	if err != nil {
		w.t.Fatalf("write Secret %s: %v", name, err)
	}
}

// pod is a Pod object and the agent that thinks it runs in it.
type pod struct {
	w      *world
	name   string
	uid    string
	root   string
	listen string
	env    []string

	mu      sync.Mutex
	log     bytes.Buffer
	agent   int // its number on the host
	done    chan struct{}
	exitErr error
}

// newPod makes the Pod object, which no kubelet runs, and a folder for what would be its volumes.
func (w *world) newPod(name, kind string, more ...string) *pod {
	w.t.Helper()
	object := &corev1.Pod{ObjectMeta: w.meta(name), Spec: corev1.PodSpec{
		ServiceAccountName: w.account, Containers: []corev1.Container{{Name: "server", Image: "none"}}}}
	w.create(object)
	// Not t.TempDir: the path of a Unix socket has room for 107 bytes.
	root, err := os.MkdirTemp("/tmp", "mt")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { os.RemoveAll(root) })
	p := &pod{w: w, name: name, uid: string(object.UID), root: root, listen: "127.0.0.1:" + freePort(w.t)}
	p.mkdir("/run/matriarch", "/etc", "/tmp", "/sockets")
	p.env = append(os.Environ(), naming.EnvKind+"="+kind, naming.EnvInstance+"=db", naming.EnvPodName+"="+name,
		naming.EnvPodNamespace+"="+w.namespace, naming.EnvPodUID+"="+p.uid, naming.EnvConfigSecret+"=config",
		naming.EnvCredentialsSecret+"=credentials", naming.EnvAuthSecret+"=auth", naming.EnvLease+"=leader",
		naming.EnvGracePeriod+"=30", agent.EnvRoot+"="+root, agent.EnvListen+"="+p.listen,
		kubeapi.EnvServer+"="+w.server, kubeapi.EnvTokenFile+"="+p.write("/token", w.token()),
		kubeapi.EnvCAFile+"="+p.write("/ca.crt", string(env.Config.CAData)), "TMPDIR="+p.path("/tmp"), "HOME="+root)
	p.env = append(p.env, more...)
	return p
}

func (w *world) token() string {
	w.t.Helper()
	request := &authenticationv1.TokenRequest{}
	account := &corev1.ServiceAccount{ObjectMeta: w.meta(w.account)}
	if err := env.Client.SubResource("token").Create(w.t.Context(), account, request); err != nil {
		w.t.Fatalf("get a token for ServiceAccount %s: %v", w.account, err)
	}
	return request.Status.Token
}

func (p *pod) path(name string) string { return filepath.Join(p.root, name) }

func (p *pod) mkdir(names ...string) {
	for _, name := range names {
		if err := os.MkdirAll(p.path(name), 0o755); err != nil {
			p.w.t.Fatal(err)
		}
	}
	p.own()
}

func (p *pod) write(name, content string) string {
	if err := os.WriteFile(p.path(name), []byte(content), 0o644); err != nil {
		p.w.t.Fatal(err)
	}
	p.own()
	return p.path(name)
}

// own gives everything to the server's user, as fsGroup would.
func (p *pod) own() {
	_ = filepath.Walk(p.root, func(path string, _ os.FileInfo, _ error) error {
		return os.Chown(path, int(p.w.uid), int(p.w.gid))
	})
}

// start runs the agent as process 1 of a PID namespace that has its own /proc, as in a container.
func (p *pod) start() *pod {
	p.w.t.Helper()
	cmd := exec.Command("unshare", "--pid", "--ipc", "--fork", "--mount-proc",
		"setpriv", "--reuid="+strconv.Itoa(int(p.w.uid)), "--regid="+strconv.Itoa(int(p.w.gid)), "--clear-groups", binary, "run")
	cmd.Env, cmd.Dir = p.env, p.root
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		p.w.t.Fatalf("start the agent: %v", err)
	}
	done := make(chan struct{})
	p.done, p.agent = done, cmd.Process.Pid // until the agent itself is there
	go func() {
		p.exitErr = cmd.Wait()
		close(done)
	}()
	p.w.t.Cleanup(func() {
		// The parent first: it may not have its child yet. The child does not die with it, because it changed its user.
		select {
		case <-done:
		default:
			_ = cmd.Process.Kill()
			_ = syscall.Kill(p.agent, syscall.SIGKILL)
			<-done
		}
		if p.w.t.Failed() {
			p.w.t.Logf("log of %s:\n%s", p.name, p.said())
		}
	})
	testenv.Eventually(p.w.t, func(context.Context) error {
		child, err := childOf(cmd.Process.Pid, binary)
		if err == nil {
			p.agent = child
		}
		return err
	})
	return p
}

// kill ends the container as a lost node would.
func (p *pod) kill() {
	p.w.t.Helper()
	_ = syscall.Kill(p.agent, syscall.SIGKILL)
	<-p.done
}

// terminate sends SIGTERM.
func (p *pod) terminate() { _ = syscall.Kill(p.agent, syscall.SIGTERM) }

// Write takes the agent's log.
func (p *pod) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(text)
}

func (p *pod) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// object reads the Pod.
func (p *pod) object(ctx context.Context) (*corev1.Pod, error) {
	object := &corev1.Pod{}
	err := env.Client.Get(ctx, client.ObjectKey{Namespace: p.w.namespace, Name: p.name}, object)
	return object, err
}

// reports waits until the agent's report is as wanted.
func (p *pod) reports(what string, wanted func(report.Report) bool) report.Report {
	p.w.t.Helper()
	var last report.Report
	testenv.Eventually(p.w.t, func(ctx context.Context) error {
		object, err := p.object(ctx)
		if err != nil {
			return err
		}
		if last, err = report.Parse(object.Annotations); err != nil {
			return err
		}
		if !wanted(last) {
			return fmt.Errorf("%s: want a report that %s, have %s", p.name, what, last)
		}
		return nil
	})
	return last
}

// isReady waits for an answer of /readyz.
func (p *pod) isReady(want bool) {
	p.w.t.Helper()
	testenv.Eventually(p.w.t, func(ctx context.Context) error {
		answer, err := p.probe(ctx, "/readyz")
		if err != nil {
			return err
		}
		if (answer == "ok") != want {
			return fmt.Errorf("%s: /readyz says %q", p.name, answer)
		}
		return nil
	})
}

func (p *pod) probe(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.listen+path, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(response.Body)
	return strings.TrimSpace(body.String()), err
}

// exited waits for the agent's end and returns its exit code.
func (p *pod) exited() int {
	p.w.t.Helper()
	select {
	case <-p.done:
	case <-time.After(testenv.Deadline):
		p.w.t.Fatalf("the agent of %s does not end", p.name)
	}
	var exit *exec.ExitError
	if errors.As(p.exitErr, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}
