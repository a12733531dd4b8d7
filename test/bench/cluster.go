package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
)

// kubectl runs one command; its output holds both streams.
func kubectl(stdin string, args ...string) (string, error) {
	command := exec.Command("kubectl", args...)
	command.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	return out.String(), err
}

func apply(manifest string) error {
	if out, err := kubectl(manifest, "apply", "--server-side", "-f", "-"); err != nil {
		return fmt.Errorf("apply: %w: %s", err, out)
	}
	return nil
}

// get reads a field; empty if there is none.
func get(object, path string) string {
	out, err := kubectl("", "-n", ns, "get", object, "-o", "jsonpath="+path)
	if err != nil {
		return ""
	}
	return out
}

// traffic is what runs in pg-0: a new connection through the Pgpool's Service for every statement, and after each a
// line with the counts so far, for a reader at any time.
const traffic = `
good=0; bad=0
while [ ! -e /tmp/bench-stop ]; do
	if psql -qAtX -h pool -p 9999 -U postgres -c 'select 1' >/dev/null 2>>/tmp/bench-errors; then good=$((good+1)); else bad=$((bad+1)); fi
	echo $good $bad >/tmp/bench-count.new && mv /tmp/bench-count.new /tmp/bench-count
done`

func inPod(command string) *exec.Cmd {
	password, _ := base64.StdEncoding.DecodeString(get("secret/pg-auth", "{.data.password}"))
	return exec.Command("kubectl", "-n", ns, "exec", "pg-0", "-c", "postgres", "--",
		"env", "PGPASSWORD="+string(password), "PGCONNECT_TIMEOUT=5", "bash", "-c", command)
}

// startTraffic leaves the traffic running until the pod goes.
func startTraffic(ctx context.Context) error {
	if err := inPod(traffic).Start(); err != nil {
		return fmt.Errorf("start the traffic: %w", err)
	}
	return until(ctx, "the traffic runs", func() bool {
		good, _ := count()
		return good > 0
	})
}

// count reads how many connections were answered and how many failed so far.
func count() (good, bad int) {
	out, _ := inPod("cat /tmp/bench-count").Output()
	_, _ = fmt.Sscan(string(out), &good, &bad)
	return good, bad
}

// counted runs something and returns what the traffic saw meanwhile.
func counted(what func() error) (good, bad int, err error) {
	good0, bad0 := count()
	err = what()
	good1, bad1 := count()
	return good1 - good0, bad1 - bad0, err
}
