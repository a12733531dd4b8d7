package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// Upstream is the primary as a standby reaches it.
type Upstream struct {
	Host, Port string
	// Foreign is true for a server outside of this cluster, which has certificates of its own.
	Foreign bool
}

// Address is host:port.
func (u Upstream) Address() string { return net.JoinHostPort(u.Host, u.Port) }

// WritePassfile writes the administrator's password where libpq finds it, so that it stands in no configuration.
func (s *Server) WritePassfile(admin Admin) error {
	escape := strings.NewReplacer(`\`, `\\`, `:`, `\:`)
	return apply.WriteFile(s.passfile(), fmt.Appendf(nil, "*:*:*:%s:%s\n", escape.Replace(admin.User), escape.Replace(admin.Password)), 0o600)
}

func (s *Server) passfile() string { return filepath.Join(s.opts.Scratch, "passfile") }

// Conninfo is the primary_conninfo of a standby with this name.
func (s *Server) Conninfo(from Upstream, admin Admin, name string) string {
	// Keepalives notice a primary whose node has gone; the kernel's defaults take hours. A WAL receiver that connects does
	// not look at connect_timeout: only tcp_user_timeout, in ms, keeps it from trying the address of a pod that has just
	// gone for more than two minutes (tcp_syn_retries).
	return fmt.Sprintf("host=%s port=%s user=%s passfile=%s application_name=%s connect_timeout=5 tcp_user_timeout=5000 "+
		"keepalives_idle=5 keepalives_interval=2 keepalives_count=3 %s",
		quoteConn(from.Host), quoteConn(from.Port), quoteConn(admin.User), quoteConn(s.passfile()), quoteConn(name), s.peer.options(from, s.peer.used))
}

// Clone copies a server into the staged directory and makes the copy a standby's. slot, if not empty, is the replication
// slot that keeps the WAL from the beginning of the copy until the standby streams; without one the copy itself is
// covered by a slot that goes with it.
func (s *Server) Clone(ctx context.Context, from Upstream, as Admin, slot string) error {
	if err := s.WritePassfile(as); err != nil {
		return err
	}
	if err := s.opts.Volume.Stage(); err != nil {
		return err
	}
	staged := s.opts.Volume.Staged()
	args := []string{"-D", staged, "-d", s.upstream(from, as), "--no-password",
		"--wal-method=stream", "--checkpoint=fast", "--no-sync"}
	if slot != "" {
		args = append(args, "--slot="+slot)
	}
	err := s.sup.Run(ctx, supervise.Command{Path: s.Path("pg_basebackup"), Args: args,
		Env: []string{"PGPASSFILE=" + s.passfile(), "PGCONNECT_TIMEOUT=5"}})
	if err != nil {
		return fmt.Errorf("copy the server at %s: %w", from.Address(), err)
	}
	return apply.WriteFile(filepath.Join(staged, standbyFile), nil, 0o600)
}

// connectUpstream opens a session on another server; more are further words of the connection string.
func (s *Server) connectUpstream(ctx context.Context, from Upstream, as Admin, more string) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig(s.upstream(from, as) + " connect_timeout=5 " + more)
	if err != nil {
		return nil, fmt.Errorf("reach the server at %s: %w", from.Address(), err)
	}
	config.Password = as.Password
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("reach the server at %s: %w", from.Address(), err)
	}
	return conn, nil
}

// RoomForClone tells whether a copy of the server fits beside the present data.
func (s *Server) RoomForClone(ctx context.Context, from Upstream, as Admin) (bool, error) {
	rows, err := s.askUpstream(ctx, from, as,
		"SELECT sum(pg_database_size(oid))::bigint + (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir())::bigint FROM pg_database")
	if err != nil {
		return false, fmt.Errorf("ask for the size of a copy: %w", err)
	}
	if len(rows) != 1 {
		return false, errors.New("ask for the size of a copy: no answer")
	}
	size, err := strconv.ParseInt(rows[0][0], 10, 64)
	if err != nil {
		return false, fmt.Errorf("ask for the size of a copy: %w", err)
	}
	free, err := s.opts.Volume.Free()
	return free > size+size/10, err
}

// lost tells whether a line of the server's says that it cannot follow its primary any more: the primary has removed a
// WAL segment that it needs, or their histories have parted.
func lost(line string) bool {
	for _, words := range []string{"has already been removed", "is not a child of this server's history", "is behind recovery timeline"} {
		if strings.Contains(line, words) {
			return true
		}
	}
	return false
}
