package pooler

import (
	"context"
	"log/slog"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/netstat"
)

const (
	// quietFor is how long no new client must have come before the pod counts as out of every Service. kube-proxy
	// programs a change within about a second.
	quietFor = 2 * time.Second
	// quietMax bounds the wait: a client that connects to the pod itself, past the Service, never stops coming.
	quietMax = 8 * time.Second
	// lookEvery is how often the kernel's table of connections is read.
	lookEvery = 100 * time.Millisecond
)

// waitForQuiet returns when no new client has come for quietFor.
func waitForQuiet(ctx context.Context, server Server) {
	ctx, cancel := context.WithTimeout(ctx, quietMax)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen := map[string]bool{}
	last := time.Now()
	for time.Since(last) < quietFor {
		clients, err := netstat.Clients(server.Port())
		if err != nil {
			slog.Warn("cannot see whether clients still come", "error", err)
			<-ctx.Done()
			return
		}
		for _, client := range clients {
			if !seen[client] {
				seen[client] = true
				last = time.Now()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-server.Exited():
			return
		case <-tick.C:
		}
	}
}
