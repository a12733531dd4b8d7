// Package traffic is the clients that use databases while something is done to them, and what they saw: one that connects
// anew for each statement and one that writes in a session it keeps, for each path to a PostgreSQL server. They run in a
// pod of their own, so that nothing between the test and the cluster disturbs them.
package traffic

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"
)

//go:embed traffic.sh
var script string

// Kubectl runs kubectl with something to read and returns what it said on both streams.
type Kubectl func(stdin string, args ...string) (string, error)

// Client is the pod that the traffic comes from.
type Client struct {
	Kubectl   Kubectl
	Namespace string
}

// Pod is the name of the client's pod.
const Pod = "client"

// CertificatesDir is the folder in the client's pod with one folder for each Secret of certificates, named after it.
const CertificatesDir = "/certs"

// Manifest is the client's pod. It has psql from the image of a PostgresVersion, and runs as that one's user. The Secrets
// of certificates need not exist: their files appear and change with them.
func Manifest(image, user string, secrets ...string) string {
	var mounts, volumes strings.Builder
	for i, secret := range secrets {
		fmt.Fprintf(&mounts, "        - {name: c%d, mountPath: %s/%s}\n", i, CertificatesDir, secret)
		fmt.Fprintf(&volumes, "    - {name: c%d, secret: {secretName: %s, optional: true, defaultMode: 0400}}\n", i, secret)
	}
	manifest := fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: %s, fsGroup: %[2]s, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: client
      image: %[3]s
      command: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`, Pod, user, image)
	if len(secrets) == 0 {
		return manifest
	}
	return manifest + "      volumeMounts:\n" + mounts.String() + "  volumes:\n" + volumes.String()
}

// Path is one way from the client to PostgreSQL.
type Path struct {
	// Name is a file's name, and what the path is called in results.
	Name string
	// Options are the connection options of libpq, as host=… port=…, without the password.
	Options  string
	Password string
}

// run runs a command in the client's pod. A session must not be counted as lost because a server takes its time.
func (c Client) run(p Path, stdin string, command ...string) (string, error) {
	return c.Kubectl(stdin, append([]string{
		"-n", c.Namespace, "exec", "-i", Pod, "--", "env", "PGPASSWORD=" + p.Password, "PGCONNECT_TIMEOUT=10",
	}, command...)...)
}

// poll is how often what is waited for is looked at.
const poll = 200 * time.Millisecond

// MakeTable makes what the writers write to, which a server that was made anew lacks, as soon as the server lets it.
func (c Client) MakeTable(ctx context.Context, p Path) error {
	const table = "create table if not exists traffic_writes (at timestamptz default now())"
	for {
		out, err := c.run(p, "", "psql", "-qX", "-d", p.Options, "-c", table)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("make the table of path %s: %w: %s", p.Name, err, out)
		case <-time.After(poll):
		}
	}
}

// Start makes the table and leaves the clients of a path running, until Stop or the end of the pod.
func (c Client) Start(ctx context.Context, p Path) error {
	if err := c.MakeTable(ctx, p); err != nil {
		return err
	}
	// The clients must outlive this call, and so have nothing of its streams.
	const begin = "mkdir -p /tmp/traffic && cd /tmp/traffic && rm -f $0.* && cat >$0.sh && { setsid bash $0.sh \"$0\" \"$1\" </dev/null >/dev/null 2>&1 & }"
	if out, err := c.run(p, script, "bash", "-c", begin, p.Name, p.Options); err != nil {
		return fmt.Errorf("start the traffic of path %s: %w: %s", p.Name, err, out)
	}
	return c.Flows(ctx, p)
}

// Flows waits until both clients of a path have been served from now on.
func (c Client) Flows(ctx context.Context, p Path) error {
	before := c.count(p)
	for {
		if now := c.count(p); now.Connect.Good > before.Connect.Good && now.Write.Good > before.Write.Good {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the traffic of path %s: %w: %s", p.Name, ctx.Err(), c.Errors(p))
		case <-time.After(poll):
		}
	}
}

// Stop ends the clients of a path and returns what they saw since their start.
func (c Client) Stop(ctx context.Context, p Path) Seen {
	seen := c.served(ctx, p)
	_, _ = c.run(p, "", "touch", "/tmp/traffic/"+p.Name+".stop")
	return seen
}

// Errors is what psql said on a path since its clients were started or since the last Counted, each line once, with how
// often.
func (c Client) Errors(p Path) string {
	out, _ := c.run(p, "", "bash", "-c", "sort /tmp/traffic/$0.errors | uniq -c", p.Name)
	return strings.TrimRight(out, "\n")
}

// Tally is what one client of one path saw: what went well, what failed, and the longest time in ms between two successes.
type Tally struct{ Good, Bad, Longest int }

// Seen is what the two clients of a path saw. What failed is new connections and sessions.
type Seen struct{ Connect, Write Tally }

// Add adds what was seen at another time.
func (s *Seen) Add(other Seen) {
	s.Connect.add(other.Connect)
	s.Write.add(other.Write)
}

func (t *Tally) add(other Tally) {
	t.Good += other.Good
	t.Bad += other.Bad
	t.Longest = max(t.Longest, other.Longest)
}

// String says what a path's clients saw.
func (s Seen) String() string {
	return fmt.Sprintf("%d of %d new connections failed, %d sessions lost, longest write gap %.1f s",
		s.Connect.Bad, s.Connect.Good+s.Connect.Bad, s.Write.Bad, float64(s.Write.Longest)/1000)
}

// count reads what the clients of a path saw so far; nothing if one of them has not been served or refused yet.
func (c Client) count(p Path) Seen {
	out, _ := c.run(p, "", "cat", "/tmp/traffic/"+p.Name+".connect", "/tmp/traffic/"+p.Name+".write")
	var s Seen
	var ignored int
	_, err := fmt.Sscan(out, &s.Connect.Good, &s.Connect.Bad, &s.Connect.Longest, &ignored,
		&s.Write.Good, &s.Write.Bad, &s.Write.Longest, &ignored)
	if err != nil {
		return Seen{}
	}
	return s
}

// settle is how long Counted waits for clients that have not come back when something is over.
const settle = 30 * time.Second

// Counted runs something and returns what the clients of each path saw meanwhile, until each of them was served again.
func (c Client) Counted(ctx context.Context, paths []Path, what func() error) (map[string]Seen, error) {
	before := map[string]Seen{}
	for _, p := range paths {
		_, _ = c.run(p, "", "bash", "-c", "cd /tmp/traffic; : >$0.errors; echo ${EPOCHREALTIME/./} >$0.reset", p.Name)
		before[p.Name] = c.count(p)
	}
	if err := what(); err != nil {
		return nil, err
	}
	out := map[string]Seen{}
	for _, p := range paths {
		now, then := c.served(ctx, p), before[p.Name]
		now.Connect.Good, now.Connect.Bad = now.Connect.Good-then.Connect.Good, now.Connect.Bad-then.Connect.Bad
		now.Write.Good, now.Write.Bad = now.Write.Good-then.Write.Good, now.Write.Bad-then.Write.Bad
		out[p.Name] = now
	}
	return out, nil
}

// served counts when both clients of a path have been served once more, so that a gap which is still open is in it. One that
// stays open is as long as the wait for it, at least.
func (c Client) served(ctx context.Context, p Path) Seen {
	at := c.count(p)
	begin := time.Now()
	for {
		now := c.count(p)
		if now.Connect.Good > at.Connect.Good && now.Write.Good > at.Write.Good {
			return now
		}
		if waited := time.Since(begin); waited > settle || ctx.Err() != nil {
			if now.Connect.Good == at.Connect.Good {
				now.Connect.Longest = max(now.Connect.Longest, int(waited.Milliseconds()))
			}
			if now.Write.Good == at.Write.Good {
				now.Write.Longest = max(now.Write.Longest, int(waited.Milliseconds()))
			}
			return now
		}
		time.Sleep(poll)
	}
}
