//go:build local

// Package test runs the real thing: a cluster beside any other that this
// machine runs, in a state folder and a network of its own.
package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/image"
)

const (
	state      = "/var/lib/matriarch-local-test"
	subnet     = "10.199.0.0/16"
	probeImage = "matriarch.local/probe:1"
)

// harness is a cluster under test.
type harness struct {
	t       *testing.T
	command string
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes namespaces, mounts and links: run it as root")
	}
	output(t, "../build.sh")
	command, err := filepath.Abs("../bin/matriarch-local")
	if err != nil {
		t.Fatal(err)
	}
	return &harness{t: t, command: command}
}

// in is the harness within a subtest.
func (h harness) in(t *testing.T) *harness {
	h.t = t
	return &h
}

func (h *harness) try(args ...string) (string, error) {
	command := exec.Command(h.command, args...)
	command.Env = append(os.Environ(), "MATRIARCH_LOCAL_STATE="+state, "MATRIARCH_LOCAL_SUBNET="+subnet)
	data, err := command.CombinedOutput()
	return string(data), err
}

// run runs matriarch-local; it must succeed.
func (h *harness) run(args ...string) string {
	h.t.Helper()
	out, err := h.try(args...)
	if err != nil {
		h.t.Fatalf("matriarch-local %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// timed runs it and reports how long that took.
func (h *harness) timed(args ...string) string {
	h.t.Helper()
	begin := time.Now()
	out := h.run(args...)
	h.t.Logf("matriarch-local %s: %.1f s\n%s", strings.Join(args, " "), time.Since(begin).Seconds(), out)
	return out
}

func (h *harness) kubectl(args ...string) string {
	h.t.Helper()
	return h.run(append([]string{"kubectl"}, args...)...)
}

// apply creates or changes objects.
func (h *harness) apply(manifest string) {
	h.t.Helper()
	h.kubectl("apply", "-f", h.file(manifest))
}

// file holds a manifest. The folder is not the test's own: kubectl takes a
// comma in its name, which comes from the test's, for a second file.
func (h *harness) file(manifest string) string {
	h.t.Helper()
	dir, err := os.MkdirTemp("", "matriarch-local-test-")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "manifest.yaml")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// ready waits until a pod is ready.
func (h *harness) ready(pod string) {
	h.t.Helper()
	h.kubectl("wait", "--for=condition=Ready", "--timeout=90s", "pod/"+pod)
}

// probe runs the probe inside a pod.
func (h *harness) probe(pod string, args ...string) (string, error) {
	out, err := h.try(append([]string{"kubectl", "exec", pod, "--", "/probe"}, args...)...)
	out = strings.TrimSpace(out)
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return out, err
}

func (h *harness) mustProbe(pod string, args ...string) string {
	h.t.Helper()
	out, err := h.probe(pod, args...)
	if err != nil {
		h.t.Fatalf("probe %s in %s: %v", strings.Join(args, " "), pod, err)
	}
	return out
}

// eventually repeats an attempt until it succeeds.
func (h *harness) eventually(what string, attempt func() error) {
	h.t.Helper()
	var err error
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if err = attempt(); err == nil {
			return
		}
	}
	h.t.Fatalf("%s: %v", what, err)
}

// pid is the process of a component, from its record.
func (h *harness) pid(component string) int {
	h.t.Helper()
	var record struct {
		PID int `json:"pid"`
	}
	data := read(h.t, filepath.Join(state, "run", "processes", component+".json"))
	if err := json.Unmarshal([]byte(data), &record); err != nil {
		h.t.Fatal(err)
	}
	return record.PID
}

// loadProbe builds the probe's image and loads it.
func (h *harness) loadProbe() {
	h.t.Helper()
	program := filepath.Join(h.t.TempDir(), "probe")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		h.t.Fatalf("build the probe: %v: %s", err, out)
	}
	archive, err := image.SingleProgram(probeImage, "probe", []byte(read(h.t, program)))
	if err != nil {
		h.t.Fatal(err)
	}
	tar := filepath.Join(h.t.TempDir(), "probe.tar")
	if err := os.WriteFile(tar, archive, 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.timed("load", tar)
	if out := h.timed("load", tar); !strings.Contains(out, "present") {
		h.t.Errorf("the same archive was loaded again:\n%s", out)
	}
}

// pod is the manifest of a pod that runs the probe.
func pod(name, extra, container string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  terminationGracePeriodSeconds: 5
  securityContext: {fsGroup: 65535}
%[3]s
  containers:
  - name: probe
    image: %[2]s
    args: [serve]
    readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}
%[4]s
`, name, probeImage, extra, container)
}
