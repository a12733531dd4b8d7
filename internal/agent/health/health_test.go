package health_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/health"
)

func get(t *testing.T, probes http.Handler, path string) (int, string) {
	t.Helper()
	answer := httptest.NewRecorder()
	probes.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return answer.Code, strings.TrimSpace(answer.Body.String())
}

func TestReadinessFollowsTheState(t *testing.T) {
	t.Parallel()
	state := &health.State{}
	probes := health.NewProbes(state)
	steps := []struct {
		name   string
		do     func()
		code   int
		answer string
	}{
		{"at first", func() {}, 503, "starting"},
		{"once it serves", func() { state.SetReady(true, "") }, 200, "ok"},
		{"while the server does not answer", func() { probes.SetCheck(func(context.Context) error { return errors.New("no answer") }) }, 503, "no answer"},
		{"when it answers", func() { probes.SetCheck(func(context.Context) error { return nil }) }, 200, "ok"},
		{"when the server is down", func() { state.SetReady(false, "it died") }, 503, "it died"},
		{"when it serves again", func() { probes.SetCheck(nil); state.SetReady(true, "") }, 200, "ok"},
		{"when the pod ends", func() { state.Drain("ending") }, 503, "ending"},
		{"for good", func() { state.SetReady(true, "") }, 503, "ending"},
	}
	for _, step := range steps {
		step.do()
		if code, answer := get(t, probes, "/readyz"); code != step.code || !strings.Contains(answer, step.answer) {
			t.Errorf("%s: %d %q, want %d %q", step.name, code, answer, step.code, step.answer)
		}
		if code, _ := get(t, probes, "/livez"); code != 200 {
			t.Errorf("%s: not live", step.name)
		}
	}
}

func TestProbesAreAnsweredUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- health.Serve(ctx, "127.0.0.1:0", health.NewProbes(&health.State{})) }()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := health.Serve(t.Context(), "no such address", nil); err == nil {
		t.Error("no error for an address that does not exist")
	}
}
