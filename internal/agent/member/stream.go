package member

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/pg"
)

// streamWatch judges a standby by whether WAL comes in.
type streamWatch struct {
	server *pg.Server
	from   func() pg.Upstream
	tell   func(streaming bool)

	mu   sync.Mutex
	last time.Time // when it was last seen to stream; zero for never
}

const (
	// streamPatience is how long a standby that has streamed may be without a stream while the primary is there.
	streamPatience = 30 * time.Second
	// lookEvery is how often a standby looks for complaints of its server; PostgreSQL retries every 5 s.
	lookEvery = 6 * time.Second
	// looksUntilLost is how many looks in a row must find a new complaint and no stream.
	looksUntilLost = 2
)

// ready tells whether clients should be sent here: a hot standby has to accept them, and WAL has to come in. While the
// primary is away a standby is as current as can be.
func (w *streamWatch) ready(ctx context.Context) error {
	streaming, err := w.server.Streaming(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	if streaming {
		w.last = time.Now()
	}
	last := w.last
	w.mu.Unlock()
	w.tell(streaming)
	if time.Since(last) < streamPatience {
		return nil
	}
	address := w.from().Address()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil
	}
	connection.Close()
	return fmt.Errorf("no WAL comes from %s", address)
}

// untilLost returns a brokenError when the server says again and again that it cannot follow any more, and does not.
func (w *streamWatch) untilLost(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	heard, looks := int64(0), 0
	heard, _ = w.server.Losses()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		count, words := w.server.Losses()
		news := count > heard
		heard = count
		if !news {
			looks = 0
			continue
		}
		if streaming, err := w.server.Streaming(ctx); err != nil || streaming {
			looks = 0
			continue
		}
		if looks++; looks >= looksUntilLost {
			return &brokenError{reason: "the data cannot follow the primary any more: " + words}
		}
	}
}
