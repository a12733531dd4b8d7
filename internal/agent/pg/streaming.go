package pg

import (
	"context"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/proctitle"
)

// Streaming tells whether this standby receives WAL from its primary.
func (s *Server) Streaming(ctx context.Context) (bool, error) {
	if s.status() != "ready" {
		return s.showsStreaming(), nil
	}
	rows, err := s.Ask(ctx, "SELECT status FROM pg_stat_wal_receiver")
	if err != nil {
		return false, err
	}
	if len(rows) == 1 && rows[0][0] == "" { // which is what somebody sees who may not read statistics
		return s.showsStreaming(), nil
	}
	return len(rows) == 1 && rows[0][0] == "streaming", nil
}

// showsStreaming looks for a WAL receiver whose title says that it streams: a warm standby answers no question, but it
// shows this to everybody (update_process_title).
func (s *Server) showsStreaming() bool {
	for _, child := range proctitle.ChildrenOf(s.process.PID()) {
		if strings.Contains(child.Title, "walreceiver") && strings.Contains(child.Title, "streaming") {
			return true
		}
	}
	return false
}
