package testenv

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// Writes counts what a client asks the API server to write, by resource: refused and dry ones too, events too, and nothing
// but Leases left out. Safe for concurrent use.
type Writes struct {
	mu    sync.Mutex
	total int
	by    map[string]int
}

// Reset begins anew.
func (w *Writes) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total, w.by = 0, nil
}

// Total returns how many writes there were.
func (w *Writes) Total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total
}

// String lists the writes by method and resource.
func (w *Writes) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(w.by)) {
		fmt.Fprintf(&b, "%3d %s\n", w.by[what], what)
	}
	return b.String()
}

func (w *Writes) config(cfg *rest.Config) *rest.Config {
	out := rest.CopyConfig(cfg)
	out.Wrap(func(next http.RoundTripper) http.RoundTripper { return &countingTransport{writes: w, next: next} })
	return out
}

type countingTransport struct {
	writes *Writes
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *countingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if what := resourceOf(req.URL.Path); req.Method != http.MethodGet && what != "leases" {
		t.writes.count(req.Method + " " + what)
	}
	return t.next.RoundTrip(req)
}

func (w *Writes) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[string]int{}
	}
	w.total++
	w.by[what]++
}

// resourceOf returns resource and subresource of a path such as /api/v1/namespaces/demo/pods/db-0/eviction.
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	at := slices.Index(parts, "namespaces") + 2
	if at < 2 || at >= len(parts) {
		return path
	}
	if len(parts) > at+2 {
		return parts[at] + "/" + parts[at+2]
	}
	return parts[at]
}
