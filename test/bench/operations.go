package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/test/traffic"
)

// operation is one kind of change, measured from the creation of its request to its end.
type operation struct {
	what, mark string
	// guide is how long the same takes in the guides of KubeDB, as their own output shows it, for about as many pods.
	guide string
	// request is the kind of the request, database its database, path whose clients it concerns.
	request, database, path string
	// sections are the type and section of the requests; they are taken in turn, so that each finds something to do.
	sections []string
	// prepare, if any, makes before each request what it needs. It is not measured, nor what clients see meanwhile.
	prepare func(context.Context) error
}

func conf(file, setting string) string {
	return fmt.Sprintf("  type: Reconfigure\n  configuration: {applyConfig: {%s: %q}}\n", file, setting)
}

func tls(section string) string {
	return "  type: ReconfigureTLS\n  tls: " + section + "\n"
}

func tlsOf(issuer string) string {
	return tls("{sslMode: require, issuerRef: {name: " + issuer + ", kind: Issuer, apiGroup: cert-manager.io}}")
}

func version(target string) string {
	return fmt.Sprintf("  type: UpdateVersion\n  updateVersion: {targetVersion: %q}\n", target)
}

// cycles are the operations in the order in which they run. Those of one cycle take turns, since each finds what the
// one before has left.
func cycles() [][]operation {
	pg := operation{request: "PostgresOpsRequest", database: "pg", path: "direct"}
	pool := operation{request: "PgpoolOpsRequest", database: "pool", path: "pgpool"}
	bouncer := operation{request: "PgBouncerOpsRequest", database: "bouncer", path: "pgbouncer"}
	as := func(o operation, what, mark, guide string, sections ...string) operation {
		o.what, o.mark, o.guide, o.sections = what, mark, guide, sections
		return o
	}
	one := func(o operation, what, mark, guide string, sections ...string) []operation {
		return []operation{as(o, what, mark, guide, sections...)}
	}
	certificates := func(o operation, name, mark string) []operation {
		return []operation{
			as(o, name+": add", mark, "1 min 10 s – 5 min", tlsOf("first")),
			as(o, name+": rotate", mark, "1 min 10 s – 5 min", tls("{rotateCertificates: true}")),
			as(o, name+": change the issuer", mark, "1 min 10 s – 5 min", tlsOf("second")),
			as(o, name+": remove", mark, "1 min 10 s – 5 min", tls("{remove: true}")),
		}
	}
	return [][]operation{
		one(pg, "Postgres Reconfigure by reload, 3 members", "3 s, 0 errors", "3 min 21 s – 5 min",
			conf("user.conf", "work_mem=8MB"), conf("user.conf", "work_mem=6MB")),
		one(bouncer, "PgBouncer Reconfigure by reload, 2 pods", "3 s, 0 errors", "13 s – 58 s",
			conf("pgbouncer.ini", "[pgbouncer]\ndefault_pool_size=21"), conf("pgbouncer.ini", "[pgbouncer]\ndefault_pool_size=20")),
		one(pool, "Pgpool Reconfigure by reload, 2 pods", "3 s, 0 errors", "–",
			conf("pgpool.conf", "log_client_messages = on"), conf("pgpool.conf", "log_client_messages = off")),
		one(pool, "Pgpool Reconfigure by restart, 2 pods", "20 s, 0 failed", "49 s",
			conf("pgpool.conf", "num_init_children = 9"), conf("pgpool.conf", "num_init_children = 8")),
		one(pg, "Postgres Reconfigure by restart, 3 members", "40 s", "3 min 21 s – 5 min",
			conf("user.conf", "max_connections=150"), conf("user.conf", "max_connections=140")),
		certificates(pg, "Postgres ReconfigureTLS, 3 members", "10 s, 0 restarts, 0 sessions"),
		certificates(bouncer, "PgBouncer ReconfigureTLS, 2 pods", "10 s, 0 restarts, 0 sessions"),
		certificates(pool, "Pgpool ReconfigureTLS, 2 pods", "25 s, 0 failed"),
		one(pg, "Postgres Restart, 3 members", "", "1 min 50 s – 3 min 25 s", "  type: Restart\n  restart: {}\n"),
		one(pool, "Pgpool Restart, 2 pods", "", "42 s", "  type: Restart\n  restart: {}\n"),
		one(bouncer, "PgBouncer Restart, 2 pods", "", "42 s", "  type: Restart\n  restart: {}\n"),
		{anew(as(pool, "Pgpool UpdateVersion, 2 pods", "25 s, 0 failed", "", version("4.6.1")), "pgpool/pool", pgpool("4.3.5"))},
		{anew(as(bouncer, "PgBouncer UpdateVersion, 2 pods, transaction mode", "25 s, 0 failed", "", version("1.24.1")),
			"pgbouncer/bouncer", pgbouncer("1.18.0", "transaction"))},
		{anew(as(bouncer, "PgBouncer UpdateVersion, 2 pods, session mode", "25 s, 0 failed", "", version("1.24.1")),
			"pgbouncer/bouncer", pgbouncer("1.18.0", "session"))},
		{anew(as(pg, "Postgres UpdateVersion to a minor, 3 members", "45 s", "", version("15.20")), "postgres/pg", postgres("pg", "15.18", 3))},
	}
}

// anew has the object made anew before each request.
func anew(o operation, object, manifest string) operation {
	o.prepare = func(ctx context.Context) error {
		if err := remove(ctx, object); err != nil {
			return err
		}
		if _, err := timed(ctx, object+" is Ready", manifest, func() bool { return get(object, "{.status.phase}") == "Ready" }); err != nil {
			return err
		}
		return trafficFlows(ctx)
	}
	return o
}

// operations measures from kubectl create to the phase Successful, with clients on every path all the while.
func (b *bench) operations(ctx context.Context) error {
	if err := apply(issuersManifest); err != nil {
		return err
	}
	if err := startTraffic(ctx); err != nil {
		return err
	}
	defer stopTraffic(ctx)
	for _, cycle := range cycles() {
		if err := b.cycle(ctx, cycle); err != nil {
			return err
		}
	}
	return nil
}

// measured is what the runs of one operation gave.
type measured struct {
	seconds []float64
	saw     traffic.Seen
	// writes is -1 if it is not known.
	writes int
}

func (b *bench) cycle(ctx context.Context, cycle []operation) error {
	results := make([]measured, len(cycle))
	for i := range b.repeats {
		for k, o := range cycle {
			name := fmt.Sprintf("op-%d-%d-%d", len(b.rows), k, i)
			if err := b.operation(ctx, o, name, o.sections[i%len(o.sections)], &results[k]); err != nil {
				return err
			}
		}
	}
	for k, o := range cycle {
		r := results[k]
		note := r.saw.String()
		if r.writes >= 0 {
			note += fmt.Sprintf(", %.0f API writes of the operator each", float64(r.writes)/float64(b.repeats))
		}
		b.add(row{what: o.what, mark: o.mark, guide: o.guide, unit: "s", values: r.seconds, note: note})
	}
	return nil
}

// operation carries out one request and adds what it took and what the clients saw.
func (b *bench) operation(ctx context.Context, o operation, name, section string, to *measured) error {
	if o.prepare != nil {
		if err := o.prepare(ctx); err != nil {
			return err
		}
	}
	from := b.auditSize()
	saw, err := clients.Counted(ctx, paths(), func() error {
		took, err := timed(ctx, name+" is Successful", request(o, name, section), func() bool {
			phase := get(strings.ToLower(o.request)+"/"+name, "{.status.phase}")
			if phase == "Failed" || phase == "Skipped" {
				log.Fatalf("%s is %s: %s", name, phase, get(strings.ToLower(o.request)+"/"+name, "{.status.conditions}"))
			}
			return phase == "Successful"
		})
		to.seconds = append(to.seconds, took)
		return err
	})
	if err != nil {
		return err
	}
	to.saw.Add(saw[o.path])
	if writes := b.operatorWrites(from); writes < 0 || to.writes < 0 {
		to.writes = -1
	} else {
		to.writes += writes
	}
	return nil
}

func request(o operation, name, section string) string {
	return fmt.Sprintf(`
apiVersion: ops.kubedb.com/v1alpha1
kind: %s
metadata: {name: %s, namespace: %s}
spec:
  databaseRef: {name: %s}
  timeout: 3m
%s`, o.request, name, ns, o.database, section)
}

// auditSize is how long the audit log is now.
func (b *bench) auditSize() int64 {
	if info, err := os.Stat(b.auditLog); err == nil {
		return info.Size()
	}
	return -1
}

// operatorWrites counts what the operator wrote through the API server since the audit log had the given length, its
// Lease apart; -1 if there is no log.
func (b *bench) operatorWrites(from int64) int {
	file, err := os.Open(b.auditLog)
	if err != nil || from < 0 {
		return -1
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(from, 0); err != nil {
		return -1
	}
	writes := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil || !strings.HasPrefix(e.User.Username, "system:serviceaccount:matriarch-system:") {
			continue
		}
		if !slices.Contains([]string{"get", "list", "watch"}, e.Verb) && e.ObjectRef.Resource != "leases" {
			writes++
		}
	}
	return writes
}
