package pgbouncer

import (
	"context"
	"log/slog"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/matriarchdb/matriarch/internal/agent/netstat"
	"github.com/matriarchdb/matriarch/internal/agent/proctitle"
)

const (
	// queueWait is how long clients that wait for a server connection are given to get one before the pause.
	queueWait = 3 * time.Second
	// patience is how long clients in pool mode session may stay between two transactions.
	patience = 2 * time.Second
	// fastReserve is the time that an immediate exit gets.
	fastReserve = 2 * time.Second
	// sessionLook is how often the sessions are counted while the process ends.
	sessionLook = 50 * time.Millisecond
)

// Leave lets queued clients have their turn, then asks for a safe shutdown: PgBouncer takes no new client, and ends when
// each server connection is released. In pool mode session that is when its client goes, which an application's own
// pool never does; so sessions are ended between two transactions once patience is over. It returns how many clients
// were still there when they were ended.
func (s *Server) Leave(ctx context.Context) (int, error) {
	port := s.Port()
	conn, err := consoleOf(s.started).connect(ctx) // now: a process that is shutting down lets nobody in
	if err != nil {
		slog.Warn("cannot look after the clients that are still there", "error", err)
	} else {
		defer conn.Close(context.WithoutCancel(ctx))
		if err := s.awaitEmptyQueue(ctx, conn); err != nil {
			slog.Warn("cannot see whether clients are queued", "error", err)
		}
	}
	watched := make(chan cutSessions, 1)
	first := sessions(port)
	go func() { watched <- s.watchSessions(port, first) }()
	ended := make(chan cutSessions, 1)
	go func() { ended <- s.endSessions(ctx, port, conn) }()
	// SIGINT in every version: wait until each server connection is released, then exit. SIGTERM is that of a
	// version before 1.23, immediate; later ones take a second one so.
	if err := s.process.StopGently(ctx, syscall.SIGINT, syscall.SIGTERM, fastReserve); err != nil {
		slog.Warn("the server had to be killed", "error", err)
	}
	last, early := <-watched, <-ended
	if early.number > last.number {
		return early.number, early.err
	}
	return last.number, last.err
}

// awaitEmptyQueue returns when no client waits for a server connection.
func (s *Server) awaitEmptyQueue(ctx context.Context, conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(ctx, queueWait)
	defer cancel()
	return s.awaitNone(ctx, conn, "SHOW POOLS", func(row map[string]string) bool { return row["cl_waiting"] != "0" })
}

// endSessions ends the sessions of pool mode session, each as soon as it is between two transactions, when the process
// is still there after patience. It returns how many there were then.
//
// RECONNECT wants every server connection replaced once it is released, and server_fast_close has that done without the
// end of the session, between two transactions (pgbouncer(5)); the client's connection is closed along with it.
// PgBouncer knows for itself who is in a transaction, and a query that it has not read is never carried out.
func (s *Server) endSessions(ctx context.Context, port int, conn *pgconn.PgConn) cutSessions {
	select {
	case <-s.process.Done():
		return cutSessions{}
	case <-time.After(patience):
	}
	if conn == nil {
		return cutSessions{}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	switch stay, err := sessionsStay(ctx, conn); {
	case err != nil:
		slog.Warn("cannot see whether sessions stay, they may until the grace period is over", "error", err)
		return cutSessions{err: err}
	case !stay:
		return cutSessions{}
	}
	there := sessions(port)
	for _, command := range []string{"SET server_fast_close = '1'", "RECONNECT"} {
		if _, err := ask(ctx, conn, command); err != nil {
			slog.Warn("cannot end the sessions that stay, they may until the grace period is over", "error", err)
			return cutSessions{err: err}
		}
	}
	return there
}

// sessionsStay tells whether clients in pool mode session hold server connections.
func sessionsStay(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	rows, err := ask(ctx, conn, "SHOW POOLS")
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if active, _ := strconv.Atoi(row["sv_active"]); active > 0 && row["pool_mode"] == "session" {
			return true, nil
		}
	}
	return false, nil
}

type cutSessions struct {
	number int
	err    error
}

func sessions(port int) cutSessions {
	clients, err := netstat.Established(port)
	return cutSessions{len(clients), err}
}

// watchSessions returns what there was at the last look before the process ended.
func (s *Server) watchSessions(port int, last cutSessions) cutSessions {
	tick := time.NewTicker(sessionLook)
	defer tick.Stop()
	for {
		select {
		case <-s.process.Done():
			return last
		case <-tick.C:
		}
		if now := sessions(port); !proctitle.Exiting(s.process.PID()) { // else its sockets may have been closed before the look
			last = now
		}
	}
}
