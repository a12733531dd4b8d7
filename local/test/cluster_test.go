//go:build local

package test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/layout"
)

// TestCluster lives through a cluster's life, in order: every part builds on
// the one before.
func TestCluster(t *testing.T) {
	h := newHarness(t)
	h.run("down", "--purge") // what an interrupted test has left
	before := leavings(t)
	t.Cleanup(func() {
		if out, err := h.try("down", "--purge"); err != nil {
			t.Errorf("down --purge: %v\n%s", err, out)
		}
	})
	h.timed("up")
	h.loadProbe()
	for _, part := range []struct {
		name string
		test func(*harness)
	}{
		{"a pod with a present image is ready soon", podIsReady},
		{"exec, logs and port-forward work", talksToPod},
		{"Services, DNS and the API server are reached from pods and from the machine", reachesServices},
		{"volumes have real sizes, run full and grow while mounted", volumesGrow},
		{"the API server reaches webhooks in pods", webhookIsCalled},
		{"the restricted Pod Security Standard is enforced where asked for", podSecurity},
		{"cert-manager issues certificates", certificateIsIssued},
		{"every request is in the audit log, with its user", requestsAreAudited},
		{"a component that is killed comes back by itself", killedComponentComesBack},
		{"up repairs a cluster without supervisor and etcd", upRepairsHalf},
		{"up repairs a cluster of which every process was killed", upRepairsAll},
		{"nodes can be added, with the images of the first", nodesAreAdded},
		{"a node can be cut off in either direction and healed", nodeIsCut},
		{"down and up keep objects and volumes", downKeepsState},
		{"up and down can be repeated when they were killed", killedCommandsAreRepeated},
		{"a component that cannot start is shown with its last words", failureIsShown},
		{"bad input is answered clearly", badInput},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(h.in(t)) }) {
			t.FailNow()
		}
	}
	h.timed("down", "--purge")
	if left := without(leavings(t), before); len(left) > 0 {
		t.Errorf("down --purge leaves behind:\n%s", strings.Join(left, "\n"))
	}
	if gone := without(before, leavings(t)); len(gone) > 0 {
		t.Errorf("down --purge took away what was there before:\n%s", strings.Join(gone, "\n"))
	}
	if left := processes(t, state); len(left) > 0 {
		t.Errorf("down --purge leaves processes behind:\n%s", strings.Join(left, "\n"))
	}
}

func podIsReady(h *harness) {
	begin := time.Now()
	h.apply(pod("web", "", ""))
	h.ready("web")
	h.t.Logf("pod ready after %.1f s", time.Since(begin).Seconds())
}

func talksToPod(h *harness) {
	if out := h.mustProbe("web", "lookup", "localhost"); !strings.Contains(out, "127.0.0.1") {
		h.t.Errorf("exec printed %q", out)
	}
	if out := h.kubectl("logs", "web"); !strings.Contains(out, "serving as web") {
		h.t.Errorf("logs printed %q", out)
	}
	forward := exec.Command(h.command, "kubectl", "port-forward", "pod/web", ":8080")
	forward.Env = append(os.Environ(), "MATRIARCH_LOCAL_STATE="+state)
	stdout, err := forward.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := forward.Start(); err != nil {
		h.t.Fatal(err)
	}
	defer func() {
		forward.Process.Kill() //nolint:errcheck // it may have ended
		forward.Wait()         //nolint:errcheck // killed
	}()
	var address string
	if _, err := fmt.Fscanf(stdout, "Forwarding from %s -> 8080", &address); err != nil {
		h.t.Fatalf("port-forward does not say where: %v", err)
	}
	h.eventually("reach the forwarded port", func() error { return h.answers("http://"+address, "web") })
}

// answers asks from the machine.
func (h *harness) answers(url, want string) error {
	response, err := (&http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && string(body) != want {
		err = fmt.Errorf("%s answers %q, want %q", url, body, want)
	}
	return err
}

func reachesServices(h *harness) {
	h.kubectl("expose", "pod", "web", "--port=80", "--target-port=8080")
	h.apply(pod("client", "", ""))
	h.ready("client")
	address := h.kubectl("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
	podAddress := h.kubectl("get", "pod", "web", "-o", "jsonpath={.status.podIP}")
	h.eventually("reach the Service from the machine", func() error { return h.answers("http://"+address, "web") })
	h.eventually("reach the pod from the machine", func() error { return h.answers("http://"+podAddress+":8080", "web") })
	for _, from := range []string{"client", "web"} { // also: the pod to itself through its Service
		h.eventually("reach the Service by name from "+from, func() error {
			out, err := h.probe(from, "get", "http://web.default.svc.cluster.local")
			if err == nil && out != "web" {
				err = fmt.Errorf("the answer is %q", out)
			}
			return err
		})
	}
	if out := h.mustProbe("client", "lookup", "kubernetes.default.svc.cluster.local"); out != "10.199.128.1" {
		h.t.Errorf("the API server's name is %q", out)
	}
	if out, _ := h.probe("client", "get", "https://kubernetes.default.svc.cluster.local"); !strings.Contains(out, "certificate") {
		h.t.Errorf("the API server is not reached from a pod: %s", out)
	}
}

func volumesGrow(h *harness) {
	h.apply(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Mi}}}
---` + pod("store", "  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]", "    volumeMounts: [{name: data, mountPath: /data}]"))
	h.ready("store")
	if capacity := h.kubectl("get", "pvc", "data", "-o", "jsonpath={.status.capacity.storage}"); capacity != "300Mi" {
		h.t.Errorf("the volume's capacity is %s, want the smallest XFS, 300Mi", capacity)
	}
	small := h.size("store")
	if out := h.mustProbe("store", "fill", "/data/full"); !strings.Contains(out, "no space left") {
		h.t.Errorf("filling the volume ended with %q", out)
	}
	begin := time.Now()
	h.kubectl("patch", "pvc", "data", "-p", `{"spec":{"resources":{"requests":{"storage":"500Mi"}}}}`)
	h.eventually("see the file system grow", func() error {
		if size := h.size("store"); size < 400<<20 {
			return fmt.Errorf("it has %d bytes, had %d", size, small)
		}
		return nil
	})
	h.t.Logf("online expansion: %.1f s", time.Since(begin).Seconds())
	h.mustProbe("store", "fill", "/data/more")
}

func (h *harness) size(pod string) int64 {
	h.t.Helper()
	size, err := strconv.ParseInt(h.mustProbe(pod, "size", "/data"), 10, 64)
	if err != nil {
		h.t.Fatal(err)
	}
	return size
}

func webhookIsCalled(h *harness) {
	h.apply(`
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: hook}
spec: {secretName: hook, dnsNames: [hook.default.svc], issuerRef: {name: self}}
---
apiVersion: v1
kind: Service
metadata: {name: hook}
spec: {selector: {app: hook}, ports: [{port: 443, targetPort: 8443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hook, annotations: {cert-manager.io/inject-ca-from: default/hook}}
webhooks:
- name: hook.default.svc
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: {service: {name: hook, namespace: default}}
  objectSelector: {matchLabels: {asks: the-probe}}
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
---` + strings.Replace(strings.Replace(pod("hook", "  volumes: [{name: tls, secret: {secretName: hook}}]", "    volumeMounts: [{name: tls, mountPath: /tls}]"),
		"args: [serve]", `args: [hook, "/tls/tls.crt,/tls/tls.key"]`, 1), "httpGet: {port: 8080}", "tcpSocket: {port: 8443}", 1))
	h.ready("hook")
	h.eventually("be refused by the webhook", func() error {
		out, err := h.try("kubectl", "create", "--dry-run=server", "-f", h.file(`{apiVersion: v1, kind: ConfigMap, metadata: {name: asked, labels: {asks: the-probe}}}`))
		if err == nil || !strings.Contains(out, "the probe says no") {
			return fmt.Errorf("the answer is %q", out)
		}
		return nil
	})
	h.kubectl("delete", "validatingwebhookconfiguration", "hook")
}

func podSecurity(h *harness) {
	h.kubectl("create", "namespace", "strict")
	h.kubectl("label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")
	out, err := h.try("kubectl", "-n", "strict", "run", "loose", "--image="+probeImage)
	if err == nil || !strings.Contains(out, "violates PodSecurity") {
		h.t.Errorf("a loose pod was not refused: %s", out)
	}
}

func certificateIsIssued(h *harness) {
	h.kubectl("wait", "--for=condition=Ready", "--timeout=30s", "certificate/hook")
	if keys := h.kubectl("get", "secret", "hook", "-o", "jsonpath={.data}"); !strings.Contains(keys, "tls.crt") {
		h.t.Errorf("the certificate's Secret holds %s", keys)
	}
}

func requestsAreAudited(h *harness) {
	log := read(h.t, filepath.Join(state, "log", "audit.log"))
	for _, user := range []string{`"username":"admin"`, `"username":"system:node:node-1"`, `"username":"cert-manager"`} {
		if !strings.Contains(log, user) {
			h.t.Errorf("no request of %s is in the audit log", user)
		}
	}
	if strings.Contains(log, "RequestReceived") {
		h.t.Error("the audit log counts requests twice")
	}
}

func killedComponentComesBack(h *harness) {
	before := h.pid("kube-scheduler")
	kill(h.t, before)
	h.eventually("see another scheduler", func() error {
		if h.pid("kube-scheduler") == before {
			return errors.New("it is still the old one")
		}
		return nil
	})
	h.apply(pod("scheduled", "", ""))
	h.ready("scheduled")
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
}

func upRepairsHalf(h *harness) {
	for _, pid := range cgroup(h.t, "supervisor") {
		kill(h.t, pid)
	}
	kill(h.t, h.pid("etcd"))
	kill(h.t, h.pid("containerd-node-1"))
	if out, err := h.try("status"); err == nil {
		h.t.Errorf("status finds nothing wrong:\n%s", out)
	}
	h.timed("up")
	h.run("status")
	h.ready("web")
}

// cgroup is the processes of one of the cluster's groups.
func cgroup(t *testing.T, group string) []int {
	t.Helper()
	var pids []int
	for _, root := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup"} {
		base := filepath.Join(root, "matriarch-local-"+layout.State(state).ID(), group)
		err := filepath.WalkDir(base, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return nil
			}
			for _, field := range strings.Fields(read(t, path)) {
				pid, err := strconv.Atoi(field)
				if err != nil {
					return err
				}
				pids = append(pids, pid)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return pids
}

func upRepairsAll(h *harness) {
	for range 3 { // children may be born meanwhile
		for _, pid := range cgroup(h.t, "") {
			kill(h.t, pid)
		}
	}
	h.timed("up")
	h.eventually("see the volume with the size it had", func() error {
		out, err := h.probe("store", "size", "/data")
		if size, _ := strconv.Atoi(out); err == nil && size < 400<<20 {
			err = fmt.Errorf("it has %s bytes", out)
		}
		return err
	})
	h.ready("web")
	h.eventually("reach the Service again", func() error {
		_, err := h.probe("client", "get", "http://web.default.svc.cluster.local")
		return err
	})
}

func nodesAreAdded(h *harness) {
	h.timed("up", "--nodes", "3")
	for i, node := range []string{"node-1", "node-2", "node-3"} {
		zone := h.kubectl("get", "node", node, "-o", `jsonpath={.metadata.labels.topology\.kubernetes\.io/zone}`)
		if want := []string{"zone-a", "zone-b", "zone-c"}[i]; zone != want {
			h.t.Errorf("%s is in zone %s, want %s", node, zone, want)
		}
		h.apply(pod("on-"+node, "  nodeName: "+node, ""))
	}
	for _, from := range []string{"on-node-1", "on-node-2", "on-node-3"} {
		h.ready(from)
		h.eventually("reach a Service on another node from "+from, func() error {
			_, err := h.probe(from, "get", "http://web.default.svc.cluster.local")
			return err
		})
	}
	h.apply(`
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data-2}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 400Mi}}}
---` + pod("store-2", `  nodeSelector: {kubernetes.io/hostname: node-2}
  volumes: [{name: data, persistentVolumeClaim: {claimName: data-2}}]`, "    volumeMounts: [{name: data, mountPath: /data}]"))
	h.ready("store-2")
}

func nodeIsCut(h *harness) {
	address := h.kubectl("get", "pod", "on-node-2", "-o", "jsonpath={.status.podIP}")
	from2 := h.kubectl("get", "pod", "on-node-1", "-o", "jsonpath={.status.podIP}")
	for _, direction := range []string{"both", "in", "out"} {
		h.run("node", "cut", "node-2", "--direction", direction)
		if out, err := h.probe("on-node-1", "get", "http://"+address+":8080"); err == nil {
			h.t.Errorf("cut %s: the node still answers %q", direction, out)
		}
		if !strings.Contains(h.run("status"), "cut: "+direction) {
			h.t.Errorf("status does not say that node-2 is cut %s", direction)
		}
		if out, err := h.probe("on-node-3", "get", "http://"+from2+":8080"); err != nil {
			h.t.Errorf("cut %s: other nodes are affected: %s", direction, out)
		}
		h.run("node", "heal", "node-2")
		h.eventually("reach the healed node", func() error {
			_, err := h.probe("on-node-1", "get", "http://"+address+":8080")
			return err
		})
	}
}

func downKeepsState(h *harness) {
	h.timed("down")
	if left := processes(h.t, state); len(left) > 0 {
		h.t.Errorf("down leaves processes behind:\n%s", strings.Join(left, "\n"))
	}
	h.timed("up")
	for _, pod := range []string{"store", "store-2"} {
		h.eventually("use the volume of "+pod+" again", func() error {
			_, err := h.probe(pod, "fill", "/data/full")
			return err
		})
	}
	begin := time.Now()
	h.run("up")
	h.t.Logf("up with nothing to do: %.1f s", time.Since(begin).Seconds())
}

func killedCommandsAreRepeated(h *harness) {
	for _, command := range []string{"down", "up", "down", "up"} {
		for _, after := range []time.Duration{100 * time.Millisecond, time.Second} {
			h.start(command, after)
		}
	}
	h.timed("up")
	h.run("status")
	h.eventually("use a volume again", func() error {
		_, err := h.probe("store", "fill", "/data/full")
		return err
	})
}

// start runs a command and kills it after a while.
func (h *harness) start(name string, after time.Duration) {
	h.t.Helper()
	command := exec.Command(h.command, name)
	command.Env = append(os.Environ(), "MATRIARCH_LOCAL_STATE="+state)
	if err := command.Start(); err != nil {
		h.t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { command.Process.Kill() }) //nolint:errcheck // it may have ended
	defer timer.Stop()
	_ = command.Wait() // killed, or done before
}

func failureIsShown(h *harness) {
	h.run("down")
	data, aside := filepath.Join(state, "etcd"), filepath.Join(state, "etcd.aside")
	if err := os.Rename(data, aside); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(data, []byte("not a folder"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	out, err := h.try("up")
	if err == nil || !strings.Contains(out, "etcd crashes again and again") || !strings.Contains(out, "last lines of") || !strings.Contains(out, "not a directory") {
		h.t.Errorf("got %v:\n%s", err, out)
	}
	if err := errors.Join(os.Remove(data), os.Rename(aside, data)); err != nil {
		h.t.Fatal(err)
	}
	h.run("up")
}

func badInput(h *harness) {
	for _, each := range []struct {
		args []string
		want string
	}{
		{[]string{"up", "--nodes", "1"}, "nodes are only added"},
		{[]string{"up", "--nodes", "1000"}, "want 1 to"},
		{[]string{"load", "/no/such.tar"}, "no such file"},
		{[]string{"load", "/etc/hostname"}, "load /etc/hostname into"},
		{[]string{"logs", "nothing"}, "there are: "},
		{[]string{"node", "cut", "node-9"}, "there is no node"},
		{[]string{"node", "cut", "node-1", "--direction", "up"}, "want in"},
	} {
		out, err := h.try(each.args...)
		if err == nil || !strings.Contains(out, each.want) {
			h.t.Errorf("matriarch-local %s: got %v %q, want a failure with %q", strings.Join(each.args, " "), err, out, each.want)
		}
	}
}
