package pgpool

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

// reloadTimeout is how long reloadable parameters may take to show their new value; what still differs then waits for
// a restart, whatever the catalog says.
const reloadTimeout = 5 * time.Second

// Reload sends SIGHUP and compares what the server reports with what it was told.
func (s *Server) Reload(ctx context.Context, set apply.Set) ([]string, error) {
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		return nil, err
	}
	pending := s.byCatalog()
	if s.ours(s.settings) && presented(set) != presented(s.begun) {
		pending[certificate] = true
	}
	if s.tried != set.Config.Hash() {
		// Only credentials changed, or an untried configuration came back: no expected values in the server's notation.
		return slices.Sorted(maps.Keys(pending)), nil
	}
	deadline := time.After(reloadTimeout)
	for late := false; ; {
		values, err := s.runningValues(ctx, s.started)
		if err == nil {
			differ := differing(s.expected, values)
			if late || !s.anyReloadable(differ) {
				s.judge(pending, values, differ)
				return slices.Sorted(maps.Keys(pending)), nil
			}
		}
		if late {
			return nil, err
		}
		select {
		case <-s.process.Done():
			return nil, fmt.Errorf("reload Pgpool-II: it ended: %s", s.process.Tail)
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline:
			late = true
		case <-time.After(pollEvery):
		}
	}
}

// byCatalog compares the file with the one that the process was started with.
func (s *Server) byCatalog() map[string]bool {
	pending := map[string]bool{}
	for _, name := range layer.Diff(s.started, s.settings, s.catalog).Names(layer.Restart) {
		pending[name] = true
	}
	return pending
}

// judge corrects the catalog's opinion by what the server reports: a reported value is the truth.
func (s *Server) judge(pending map[string]bool, values map[string]string, differ []string) {
	for name := range values {
		if _, comparable := s.expected[name]; comparable && name != certificate { // whose path says nothing of its content
			delete(pending, name)
		}
	}
	for _, name := range differ {
		pending[name] = true
	}
}

// anyReloadable tells whether one of the names should show its new value without a restart.
func (s *Server) anyReloadable(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return s.catalog.Judge(name, valueOf(s.started, name), valueOf(s.settings, name)) != layer.Restart
	})
}

func valueOf(settings *conf.Settings, name string) *string {
	if value, found := settings.Get(name); found {
		return &value
	}
	return nil
}

// differing lists the parameters that both report and whose values differ.
func differing(expected, running map[string]string) []string {
	var names []string
	for name, want := range expected {
		if is, reported := running[name]; reported && is != want {
			names = append(names, name)
		}
	}
	return names
}
