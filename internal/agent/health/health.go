// Package health answers the kubelet's probes over HTTP.
//
// /livez tells whether the agent itself works, never whether its server does: the agent restarts the server faster
// and more gently than the kubelet could. /readyz tells whether clients should be sent here.
package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// State is what the probes are told. The zero value is live and not ready.
type State struct {
	mu       sync.Mutex
	ready    bool
	reason   string
	draining bool
}

// SetReady says whether clients should come, and if not, why. After Drain it has no effect.
func (s *State) SetReady(ready bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return
	}
	s.ready, s.reason = ready, reason
}

// Drain makes the pod not ready for good.
func (s *State) Drain(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready, s.reason, s.draining = false, reason, true
}

// Ready returns what /readyz answers.
func (s *State) Ready() (bool, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready && s.reason == "" {
		return false, "starting"
	}
	return s.ready, s.reason
}

// Check asks the server at the moment of the probe; nil means ready.
type Check func(ctx context.Context) error

// probeTimeout is a little less than the kubelet waits.
const probeTimeout = 1500 * time.Millisecond

// Probes answers /readyz and /livez.
type Probes struct {
	mux   http.ServeMux
	state *State

	mu    sync.Mutex
	check Check
}

// NewProbes returns Probes over a state.
func NewProbes(state *State) *Probes {
	p := &Probes{state: state}
	p.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	p.mux.HandleFunc("GET /readyz", p.readyz)
	return p
}

// SetCheck makes readiness depend on a question to the server too; nil takes it back.
func (p *Probes) SetCheck(check Check) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.check = check
}

// ServeHTTP implements http.Handler.
func (p *Probes) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

func (p *Probes) readyz(w http.ResponseWriter, r *http.Request) {
	ready, reason := p.state.Ready()
	p.mu.Lock()
	check := p.check
	p.mu.Unlock()
	if ready && check != nil {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		if err := check(ctx); err != nil {
			ready, reason = false, err.Error()
		}
	}
	if !ready {
		http.Error(w, "not ready: "+reason, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Serve answers on addr until ctx ends.
func Serve(ctx context.Context, addr string, handler http.Handler) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for the kubelet's probes: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer the kubelet's probes: %w", err)
	}
	return nil
}
