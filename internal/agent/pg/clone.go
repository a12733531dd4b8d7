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
type Upstream struct{ Host, Port string }

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
	quote := func(value string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'" }
	// Keepalives notice a primary whose node has gone; the kernel's defaults take hours.
	return fmt.Sprintf("host=%s port=%s user=%s passfile=%s application_name=%s connect_timeout=5 keepalives_idle=5 keepalives_interval=2 keepalives_count=3 sslmode=prefer",
		quote(from.Host), quote(from.Port), quote(admin.User), quote(s.passfile()), quote(name))
}

// Clone copies the primary into the staged directory and makes it a standby's.
func (s *Server) Clone(ctx context.Context, from Upstream, admin Admin) error {
	if err := s.WritePassfile(admin); err != nil {
		return err
	}
	if err := s.opts.Volume.Stage(); err != nil {
		return err
	}
	staged := s.opts.Volume.Staged()
	err := s.sup.Run(ctx, supervise.Command{Path: s.Path("pg_basebackup"), Env: []string{"PGPASSFILE=" + s.passfile(), "PGCONNECT_TIMEOUT=5"},
		Args: []string{"-D", staged, "-h", from.Host, "-p", from.Port, "-U", admin.User, "--no-password",
			"--wal-method=stream", "--checkpoint=fast", "--no-sync"}})
	if err != nil {
		return fmt.Errorf("copy the primary at %s: %w", from.Address(), err)
	}
	return apply.WriteFile(filepath.Join(staged, standbyFile), nil, 0o600)
}

// RoomForClone tells whether the primary fits beside the present data.
func (s *Server) RoomForClone(ctx context.Context, from Upstream, admin Admin) (bool, error) {
	config, err := pgconn.ParseConfig(fmt.Sprintf("host=%s port=%s dbname=postgres sslmode=prefer connect_timeout=5", from.Host, from.Port))
	if err != nil {
		return false, fmt.Errorf("reach the primary at %s: %w", from.Address(), err)
	}
	config.User, config.Password = admin.User, admin.Password
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return false, fmt.Errorf("ask the primary at %s for its size: %w", from.Address(), err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := ask(ctx, conn, "SELECT sum(pg_database_size(oid))::bigint + (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir())::bigint FROM pg_database")
	if err != nil {
		return false, err
	}
	if len(rows) != 1 {
		return false, errors.New("ask the primary for its size: no answer")
	}
	size, err := strconv.ParseInt(rows[0][0], 10, 64)
	if err != nil {
		return false, fmt.Errorf("ask the primary for its size: %w", err)
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
