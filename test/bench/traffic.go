package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
)

//go:embed traffic.sh
var traffic string

// path is one way from a client to PostgreSQL.
type path struct {
	name, host, database string
	port                 int
}

// paths are all ways that there are in the benchmark's namespace.
var paths = []path{
	{name: "direct", host: "pg", port: 5432, database: "postgres"},
	{name: "pgpool", host: "pool", port: 9999, database: "postgres"},
	{name: "pgbouncer", host: "bouncer", port: 5432, database: "postgres"},
}

// tally is what one client of one path saw: what went well, what failed, and the longest time between two successes.
type tally struct{ good, bad, longest int }

// inClient runs a command in the pod that the traffic comes from, which no operation touches.
func inClient(args ...string) *exec.Cmd {
	password, _ := base64.StdEncoding.DecodeString(get("secret/bench-auth", "{.data.password}"))
	return exec.Command("kubectl", append([]string{
		"-n", ns, "exec", "-i", "client", "--", "env", "PGPASSWORD=" + string(password), "PGCONNECT_TIMEOUT=10",
	}, args...)...)
}

// startTraffic makes the client's pod and the table, and leaves the traffic of all paths running until the pod goes.
func startTraffic(ctx context.Context) error {
	image := get("postgresversion/17.11", "{.spec.db.image}")
	user := get("postgresversion/17.11", "{.spec.securityContext.runAsUser}")
	if err := apply(fmt.Sprintf(clientManifest, user, image)); err != nil {
		return err
	}
	if err := until(ctx, "the client runs", func() bool { return get("pod/client", "{.status.phase}") == "Running" }); err != nil {
		return err
	}
	if err := makeTable(ctx); err != nil {
		return err
	}
	for _, p := range paths {
		command := inClient("bash", "-s", p.name, p.host, fmt.Sprint(p.port), p.database)
		command.Stdin = strings.NewReader(traffic)
		if err := command.Start(); err != nil {
			return fmt.Errorf("start the traffic: %w", err)
		}
	}
	return trafficFlows(ctx)
}

// makeTable makes what the writers write to; a Postgres that was made anew has none.
func makeTable(ctx context.Context) error {
	var out []byte
	err := until(ctx, "the table is there", func() (done bool) {
		var err error
		out, err = inClient("psql", "-qX", "-h", "pg", "-U", "postgres", "-c",
			"create table if not exists bench_writes (at timestamptz default now())").CombinedOutput()
		return err == nil
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// trafficFlows waits until both clients of every path have had an answer from now on.
func trafficFlows(ctx context.Context) error {
	for _, p := range paths {
		before := count(p)
		if err := until(ctx, "the traffic flows", func() bool {
			now := count(p)
			return now.connect.good > before.connect.good && now.write.good > before.write.good
		}); err != nil {
			return fmt.Errorf("path %s: %w", p.name, err)
		}
	}
	return nil
}

func stopTraffic() { _ = inClient("touch", "/tmp/traffic/stop").Run() }

// seen is what the two clients of a path saw.
type seen struct{ connect, write tally }

// count reads what the clients of a path saw so far.
func count(p path) seen {
	out, _ := inClient("cat", "/tmp/traffic/"+p.name+".connect", "/tmp/traffic/"+p.name+".write").Output()
	var s seen
	var ignored int
	_, _ = fmt.Sscan(string(out), &s.connect.good, &s.connect.bad, &s.connect.longest, &ignored,
		&s.write.good, &s.write.bad, &s.write.longest, &ignored)
	return s
}

// counted runs something and returns what the clients of each path saw meanwhile.
func counted(what func() error) (map[string]seen, error) {
	before := map[string]seen{}
	for _, p := range paths {
		_ = inClient("bash", "-c", "echo ${EPOCHREALTIME/./} >/tmp/traffic/"+p.name+".reset").Run()
		before[p.name] = count(p)
	}
	if err := what(); err != nil {
		return nil, err
	}
	out := map[string]seen{}
	for _, p := range paths {
		now, then := count(p), before[p.name]
		now.connect.good, now.connect.bad = now.connect.good-then.connect.good, now.connect.bad-then.connect.bad
		now.write.good, now.write.bad = now.write.good-then.write.good, now.write.bad-then.write.bad
		out[p.name] = now
	}
	return out, nil
}

// add adds what was seen at another time.
func (s *seen) add(other seen) {
	s.connect.add(other.connect)
	s.write.add(other.write)
}

func (t *tally) add(other tally) {
	t.good += other.good
	t.bad += other.bad
	t.longest = max(t.longest, other.longest)
}

// String says what a path's clients saw.
func (s seen) String() string {
	return fmt.Sprintf("%d of %d new connections failed, %d sessions lost, longest write gap %.1f s",
		s.connect.bad, s.connect.good+s.connect.bad, s.write.bad, float64(s.write.longest)/1000)
}
