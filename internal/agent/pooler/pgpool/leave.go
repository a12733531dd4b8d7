package pgpool

import (
	"context"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/netstat"
	"github.com/matriarchdb/matriarch/internal/agent/proctitle"
)

const (
	// fastReserve is the time that a fast shutdown gets.
	fastReserve = 3 * time.Second
	// idleLook is how often the sessions are looked at, idleLooks how many looks in a row must find one idle.
	idleLook  = 100 * time.Millisecond
	idleLooks = 10
	// patience is how long a session that is never idle for so many looks may go on from one transaction to the next.
	patience = 2 * time.Second
	// freezeTimeout bounds the wait for a child to stop.
	freezeTimeout = 100 * time.Millisecond
)

// Leave asks for a smart shutdown: children stop listening, and each ends when its client goes. An idle client would
// hold the pod up to the end of its grace period, so its session is ended once it has been idle for a second; one that
// keeps sending is ended between two transactions when patience is over. Running queries and open transactions may
// finish. Shortly before ctx ends the rest is cut off.
//
// client_idle_limit is of no help: a child that waits for its client does not see a new value (tried with 4.3.5). Nor
// is SIGINT, the fast shutdown, once SIGTERM was sent: the main process does not look at it any more, the children do.
//
// It returns how many sessions were ended so.
func (s *Server) Leave(ctx context.Context) (int, error) {
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		slog.Warn("cannot ask for a shutdown", "error", err)
	}
	patient := ctx
	if deadline, found := ctx.Deadline(); found {
		var cancel context.CancelFunc
		patient, cancel = context.WithDeadline(ctx, deadline.Add(-fastReserve))
		defer cancel()
	}
	cut, over := s.endIdle(patient)
	if over {
		return cut, nil
	}
	left, counted := netstat.Established(s.Port())
	for _, child := range proctitle.ChildrenOf(s.process.PID()) {
		_ = syscall.Kill(child.PID, syscall.SIGINT)
	}
	if err := s.process.Stop(ctx, syscall.SIGTERM); err != nil {
		slog.Warn("the server had to be killed", "error", err)
	}
	return cut + len(left), counted
}

// endIdle ends idle sessions until the server is gone, which it tells, or ctx ends. It returns how many it ended.
func (s *Server) endIdle(ctx context.Context) (cut int, over bool) {
	tick := time.NewTicker(idleLook)
	defer tick.Stop()
	idle, ended := map[int]int{}, map[int]bool{}
	enough := time.Now().Add(patience)
	for {
		select {
		case <-s.process.Done():
			return cut, true
		case <-ctx.Done():
			return cut, false
		case <-tick.C:
		}
		for _, child := range proctitle.ChildrenOf(s.process.PID()) {
			if !isIdle(child.Title) {
				delete(idle, child.PID)
				continue
			}
			idle[child.PID]++
			if (idle[child.PID] >= idleLooks || time.Now().After(enough)) && !ended[child.PID] && endBetween(child.PID) {
				ended[child.PID] = true
				cut++
			}
		}
	}
}

// endBetween ends a child's session if it is between two transactions, and tells whether it did. The child is stopped
// for the look: else it could take up its client's next query between the look and the signal, and nobody would know
// whether that was carried out. A query that arrives while it is stopped is never read.
func endBetween(pid int) bool {
	if syscall.Kill(pid, syscall.SIGSTOP) != nil {
		return false
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	child, stopped := proctitle.Stopped(pid, freezeTimeout)
	return stopped && isIdle(child.Title) && syscall.Kill(pid, syscall.SIGINT) == nil
}

// isIdle reads a child's title, "pgpool: user database client idle"; "idle in transaction" is not idle.
func isIdle(title string) bool {
	return strings.HasPrefix(title, "pgpool: ") && strings.HasSuffix(title, " idle")
}
