package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// memory reads the resident memory of the operator from its own metrics and of each agent, which is process 1 of its
// container, from /proc.
func (b *bench) memory(context.Context) error {
	operator, _ := kubectl("", "-n", "matriarch-system", "get", "pods", "-l", "app.kubernetes.io/name=matriarch", "-o", "jsonpath={.items[0].metadata.name}")
	metrics, err := kubectl("", "get", "--raw", "/api/v1/namespaces/matriarch-system/pods/"+operator+":8080/proxy/metrics")
	if err != nil {
		return fmt.Errorf("read the operator's metrics: %w: %s", err, metrics)
	}
	b.add(row{what: "operator: resident memory", mark: "60 MiB", unit: "MiB", values: []float64{metric(metrics, "process_resident_memory_bytes") / (1 << 20)}})
	for _, one := range []struct{ what, database, container string }{
		{"agent of a Postgres: resident memory", "postgres/pg", "postgres"},
		{"agent of a Pgpool: resident memory", "pgpool/pool", "pgpool"},
		{"agent of a PgBouncer: resident memory", "pgbouncer/bouncer", "pgbouncer"},
	} {
		r := row{what: one.what, mark: "25 MiB", unit: "MiB"}
		for _, pod := range strings.Fields(pods(one.database)) {
			status, err := kubectl("", "-n", ns, "exec", pod, "-c", one.container, "--", "cat", "/proc/1/status")
			if err != nil {
				return fmt.Errorf("read /proc/1/status of %s: %w: %s", pod, err, status)
			}
			_, rest, _ := strings.Cut(status, "VmRSS:")
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				return fmt.Errorf("read VmRSS of %s: %w", pod, err)
			}
			r.values = append(r.values, kib/1024)
		}
		b.add(r)
	}
	return nil
}

func metric(text, name string) float64 {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			number, _ := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return number
		}
	}
	return 0
}

// entry is what the audit log says of one request.
type entry struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource string `json:"resource"`
	} `json:"objectRef"`
}

// requests counts, while nobody asks for anything, what operator and agents ask of the API server.
func (b *bench) requests(ctx context.Context) error {
	if b.auditLog == "" {
		log.Print("AUDIT_LOG is not set: requests to the API server are not counted")
		return nil
	}
	from, err := os.Stat(b.auditLog)
	if err != nil {
		return fmt.Errorf("find the audit log: %w", err)
	}
	log.Printf("watching the idle fleet for %s", b.idle)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.idle):
	}
	file, err := os.Open(b.auditLog)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(from.Size(), 0); err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	reads, leases, writes := 0, 0, 0
	kinds := map[string]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil || !ours(e.User.Username) {
			continue
		}
		switch {
		case slices.Contains([]string{"get", "list", "watch"}, e.Verb):
			reads++
		case e.ObjectRef.Resource == "leases":
			leases++
		default:
			writes++
			kinds[e.Verb+" "+e.ObjectRef.Resource]++
		}
	}
	minutes := b.idle.Minutes()
	b.add(row{what: "idle fleet (4 databases, 8 pods): writes per minute except Leases", mark: "0", unit: "/min", values: []float64{float64(writes) / minutes}, note: notes(kinds)})
	b.add(row{what: "idle fleet: Lease writes per minute", unit: "/min", values: []float64{float64(leases) / minutes}, note: "2 primaries and the operator"})
	b.add(row{what: "idle fleet: reads per minute", unit: "/min", values: []float64{float64(reads) / minutes}, note: "watches that are renewed included"})
	return nil
}

func ours(user string) bool {
	return strings.HasPrefix(user, "system:serviceaccount:"+ns+":") || strings.HasPrefix(user, "system:serviceaccount:matriarch-system:")
}

func notes(kinds map[string]int) string {
	var parts []string
	for kind, n := range kinds {
		parts = append(parts, fmt.Sprintf("%s ×%d", kind, n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
