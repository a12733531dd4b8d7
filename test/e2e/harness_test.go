//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait. It is no measure of speed: the machine may be busy with something else.
const patience = 4 * time.Minute

// look is how often what is waited for is looked at. Each look is a process, and takes its time from the servers.
const look = 500 * time.Millisecond

// namespace is a namespace of one test, which accepts only pods of the restricted Pod Security Standard and goes with
// the test.
type namespace struct {
	t    *testing.T
	name string
}

func newNamespace(t *testing.T) namespace {
	t.Helper()
	n := namespace{t: t, name: fmt.Sprintf("e2e-%06x", rand.N(1<<24))}
	n.applyAs("", `
apiVersion: v1
kind: Namespace
metadata:
  name: `+n.name+`
  labels: {pod-security.kubernetes.io/enforce: restricted}
`)
	t.Cleanup(func() {
		if t.Failed() {
			n.explain()
		}
		// Protected databases would keep the namespace from going.
		for _, kind := range []string{"postgres", "pgpool", "pgbouncer"} {
			for _, name := range strings.Fields(n.try("get", kind, "-o", "name")) {
				n.try("patch", name, "--type=merge", "-p", `{"spec":{"deletionPolicy":"WipeOut"}}`)
			}
		}
		n.tryAs("", "delete", "namespace", n.name, "--wait=false")
	})
	return n
}

// kubectl runs a command in the namespace and fails the test if it fails.
func (n namespace) kubectl(args ...string) string {
	n.t.Helper()
	out, err := run("", append([]string{"-n", n.name}, args...)...)
	if err != nil {
		n.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// refused runs a command that must fail and returns what kubectl said.
func (n namespace) refused(stdin string, args ...string) string {
	n.t.Helper()
	out, err := run(stdin, append([]string{"-n", n.name}, args...)...)
	if err == nil {
		n.t.Fatalf("kubectl %s: succeeded, but must be refused\n%s", strings.Join(args, " "), out)
	}
	return out
}

// refusedAtCreation tries to create an object that must be refused and returns what kubectl said. What depends on other
// objects is let through with a warning when the operator cannot read them in time, as on a machine that is very busy;
// that is no verdict, and is asked again.
func (n namespace) refusedAtCreation(manifest string) string {
	n.t.Helper()
	said := ""
	n.eventually("a verdict on the object", func() string {
		var err error
		said, err = run(manifest, "-n", n.name, "create", "--dry-run=server", "-f", "-")
		switch {
		case err != nil:
			return ""
		case strings.Contains(said, "could not be checked yet"):
			return said
		}
		n.t.Fatalf("it is accepted, but must be refused: %s\n%s", said, manifest)
		return ""
	})
	return said
}

// try runs a command of which the outcome does not matter.
func (n namespace) try(args ...string) string { return n.tryAs(n.name, args...) }

func (n namespace) tryAs(ns string, args ...string) string {
	if ns != "" {
		args = append([]string{"-n", ns}, args...)
	}
	out, _ := run("", args...)
	return out
}

// apply creates or updates the objects of a manifest.
func (n namespace) apply(manifest string) {
	n.t.Helper()
	n.applyAs(n.name, manifest)
}

func (n namespace) applyAs(ns, manifest string) {
	n.t.Helper()
	args := []string{"apply", "--server-side", "--force-conflicts", "-f", "-"}
	if ns != "" {
		args = append([]string{"-n", ns}, args...)
	}
	if out, err := run(manifest, args...); err != nil {
		n.t.Fatalf("apply: %v\n%s\n%s", err, out, manifest)
	}
}

// field reads one field of an object by JSON path, empty if the object or the field is not there.
func (n namespace) field(object, path string) string {
	return n.try("get", object, "--ignore-not-found", "-o", "jsonpath={"+path+"}")
}

// eventually waits until the check returns an empty string; what it returned last is the failure's message.
func (n namespace) eventually(what string, check func() string) {
	n.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		missing := check()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("%s: not after %s: %s", what, patience, missing)
		}
		time.Sleep(look)
	}
}

// has waits until a field of an object has the value.
func (n namespace) has(object, path, value string) {
	n.t.Helper()
	n.eventually(object+" "+path+" is "+value, func() string {
		if got := n.field(object, path); got != value {
			return fmt.Sprintf("it is %q", got)
		}
		return ""
	})
}

// ready waits until databases have the phase Ready.
func (n namespace) ready(objects ...string) {
	n.t.Helper()
	for _, object := range objects {
		n.has(object, ".status.phase", "Ready")
	}
}

// gone waits until an object does not exist.
func (n namespace) gone(object string) {
	n.t.Helper()
	n.eventually(object+" is gone", func() string {
		return strings.TrimSpace(n.try("get", object, "--ignore-not-found", "-o", "name"))
	})
}

// explain prints what a person would look at first.
func (n namespace) explain() {
	n.t.Log(n.try("get", "postgres,pgpool,pgbouncer,pgpoolopsrequest,pgbounceropsrequest,postgresopsrequest,petset,pods,pvc,secrets", "-o", "wide"))
	n.t.Log(n.try("get", "events", "--sort-by=.lastTimestamp"))
	for _, pod := range strings.Fields(n.try("get", "pods", "-o", "name")) {
		n.t.Logf("log of %s:\n%s", pod, n.try("logs", pod, "--all-containers", "--tail=30"))
	}
	n.t.Log(n.tryAs("matriarch-system", "logs", "deployment/matriarch", "--tail=60"))
}

// run runs kubectl, as somebody who tries again while the operator is just being restarted: another test may have ended it
// in the middle of its work.
func run(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		command := exec.CommandContext(ctx, "kubectl", args...)
		command.Stdin = strings.NewReader(stdin)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		err := command.Run()
		if err == nil || ctx.Err() != nil || !strings.Contains(out.String(), "failed calling webhook") {
			return out.String(), err
		}
		time.Sleep(look)
	}
}
