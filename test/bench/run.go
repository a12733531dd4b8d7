package main

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"
)

// bench is one run of the benchmark.
type bench struct {
	repeats  int
	idle     time.Duration
	auditLog string
	rows     []row
}

// row is one line of the table.
type row struct {
	what, mark string
	values     []float64
	unit       string
	note       string
	// guide is what KubeDB's guides show for the same operation.
	guide string
}

// ns is the namespace of the benchmark.
const ns = "matriarch-bench"

func (b *bench) run(ctx context.Context) error {
	for _, manifest := range []string{namespaceManifest, authManifest} {
		if err := apply(manifest); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{b.creations, b.operations, b.memory, b.requests} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) cleanUp() {
	for _, kind := range []string{"pgbouncer", "pgpool", "postgres"} {
		_, _ = kubectl("", "-n", ns, "delete", kind, "--all", "--timeout=120s")
	}
	_, _ = kubectl("", "delete", "namespace", ns, "--timeout=120s")
}

// creations measures from kubectl create to the phase Ready. The last of each stays for what follows.
func (b *bench) creations(ctx context.Context) error {
	for _, c := range []struct{ what, mark, object, manifest string }{
		{"Postgres, 1 member: create to Ready", "", "postgres/one", postgres("one", "17.11", 1)},
		{"Postgres, 3 members: create to Ready", "25 s", "postgres/pg", postgres("pg", "17.11", 3)},
		{"Pgpool, 2 pods: create to Ready", "10 s", "pgpool/pool", pgpool("4.6.1")},
		{"PgBouncer, 2 pods: create to Ready", "10 s", "pgbouncer/bouncer", pgbouncer("1.24.1", "transaction")},
	} {
		r := row{what: c.what, mark: c.mark, unit: "s"}
		for i := range b.repeats {
			if i > 0 {
				if err := remove(ctx, c.object); err != nil {
					return err
				}
			}
			took, err := timed(ctx, c.object+" is Ready", c.manifest, func() bool {
				return get(c.object, "{.status.phase}") == "Ready"
			})
			if err != nil {
				return err
			}
			r.values = append(r.values, took)
		}
		b.add(r)
	}
	return nil
}

func (b *bench) add(r row) {
	b.rows = append(b.rows, r)
	log.Print(r.String())
}

// remove deletes an object and waits until its pods are gone.
func remove(ctx context.Context, object string) error {
	if out, err := kubectl("", "-n", ns, "delete", object, "--timeout=120s"); err != nil {
		return fmt.Errorf("delete %s: %w: %s", object, err, out)
	}
	return until(ctx, "the pods are gone", func() bool { return pods(object) == "" })
}

// pods lists the pods of a database object.
func pods(object string) string {
	_, name, _ := strings.Cut(object, "/")
	out, _ := kubectl("", "-n", ns, "get", "pods", "-l", "app.kubernetes.io/instance="+name, "-o", "name")
	return strings.TrimSpace(out)
}

// timed creates an object and waits, looking every 50 ms.
func timed(ctx context.Context, what, manifest string, done func() bool) (seconds float64, err error) {
	begin := time.Now()
	if err := apply(manifest); err != nil {
		return 0, err
	}
	if err := until(ctx, what, done); err != nil {
		return 0, err
	}
	return time.Since(begin).Seconds(), nil
}

func until(ctx context.Context, what string, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
