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
}

func conf(file, setting string) string {
	return fmt.Sprintf("  type: Reconfigure\n  configuration: {applyConfig: {%s: %q}}\n", file, setting)
}

func operations() []operation {
	pg := operation{request: "PostgresOpsRequest", database: "pg", path: "direct"}
	pool := operation{request: "PgpoolOpsRequest", database: "pool", path: "pgpool"}
	bouncer := operation{request: "PgBouncerOpsRequest", database: "bouncer", path: "pgbouncer"}
	as := func(o operation, what, mark, guide string, sections ...string) operation {
		o.what, o.mark, o.guide, o.sections = what, mark, guide, sections
		return o
	}
	return []operation{
		as(pg, "Postgres Reconfigure by reload, 3 members", "3 s, 0 errors", "3 min 21 s – 5 min",
			conf("user.conf", "work_mem=8MB"), conf("user.conf", "work_mem=6MB")),
		as(bouncer, "PgBouncer Reconfigure by reload, 2 pods", "3 s, 0 errors", "13 s – 58 s",
			conf("pgbouncer.ini", "[pgbouncer]\ndefault_pool_size=21"), conf("pgbouncer.ini", "[pgbouncer]\ndefault_pool_size=20")),
		as(pool, "Pgpool Reconfigure by reload, 2 pods", "3 s, 0 errors", "–",
			conf("pgpool.conf", "log_client_messages = on"), conf("pgpool.conf", "log_client_messages = off")),
		as(pool, "Pgpool Reconfigure by restart, 2 pods", "20 s, 0 failed", "49 s",
			conf("pgpool.conf", "num_init_children = 9"), conf("pgpool.conf", "num_init_children = 8")),
		as(pg, "Postgres Reconfigure by restart, 3 members", "40 s", "3 min 21 s – 5 min",
			conf("user.conf", "max_connections=150"), conf("user.conf", "max_connections=140")),
		as(pg, "Postgres Restart, 3 members", "", "1 min 50 s – 3 min 25 s", "  type: Restart\n  restart: {}\n"),
		as(pool, "Pgpool Restart, 2 pods", "", "42 s", "  type: Restart\n  restart: {}\n"),
		as(bouncer, "PgBouncer Restart, 2 pods", "", "42 s", "  type: Restart\n  restart: {}\n"),
	}
}

// operations measures from kubectl create to the phase Successful, with clients on every path all the while.
func (b *bench) operations(ctx context.Context) error {
	if err := startTraffic(ctx); err != nil {
		return err
	}
	defer stopTraffic()
	for _, o := range operations() {
		if err := b.operation(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) operation(ctx context.Context, o operation) error {
	r := row{what: o.what, mark: o.mark, guide: o.guide, unit: "s"}
	from := b.auditSize()
	saw, err := counted(func() error {
		for i := range b.repeats {
			name := fmt.Sprintf("op-%d-%d", len(b.rows), i)
			took, err := timed(ctx, name+" is Successful", request(o, name, o.sections[i%len(o.sections)]), func() bool {
				phase := get(strings.ToLower(o.request)+"/"+name, "{.status.phase}")
				if phase == "Failed" || phase == "Skipped" {
					log.Fatalf("%s is %s: %s", name, phase, get(strings.ToLower(o.request)+"/"+name, "{.status.conditions}"))
				}
				return phase == "Successful"
			})
			if err != nil {
				return err
			}
			r.values = append(r.values, took)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.note = saw[o.path].String()
	if writes := b.operatorWrites(from); writes >= 0 {
		r.note += fmt.Sprintf(", %.0f API writes of the operator each", float64(writes)/float64(b.repeats))
	}
	b.add(r)
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
