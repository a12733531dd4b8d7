package pg

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// Identity is what a server says of itself to whoever wants to follow it.
type Identity struct {
	SystemID string
	Version  string
	Major    int
}

// Identify asks a server who it is. The right to replicate is enough for that.
func (s *Server) Identify(ctx context.Context, from Upstream, as Admin) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	conn, err := s.connectUpstream(ctx, from, as, "replication=true")
	if err != nil {
		return Identity{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	results, err := conn.Exec(ctx, "IDENTIFY_SYSTEM").ReadAll()
	if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
		return Identity{}, fmt.Errorf("ask the server at %s who it is: %w", from.Address(), err)
	}
	version, _, _ := strings.Cut(conn.ParameterStatus("server_version"), " ")
	number, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(number)
	if err != nil {
		return Identity{}, fmt.Errorf("ask the server at %s for its version: it says %q", from.Address(), version)
	}
	return Identity{SystemID: string(results[0].Rows[0][0]), Version: version, Major: major}, nil
}

// ForgetAlterSystem empties what ALTER SYSTEM left in a staged copy of somebody else's server: it would win over the
// configuration of this one.
func (s *Server) ForgetAlterSystem() error {
	return apply.WriteFile(filepath.Join(s.opts.Volume.Staged(), "postgresql.auto.conf"), nil, 0o600)
}

// Repoint makes a running standby stream from elsewhere, or as somebody else. It does nothing when nothing changes.
func (s *Server) Repoint(conninfo string) error {
	if s.own.PrimaryConninfo == conninfo {
		return nil
	}
	s.own.PrimaryConninfo = conninfo
	if err := s.writeOwn(); err != nil {
		return err
	}
	return s.process.Signal(syscall.SIGHUP)
}

// Promote ends the recovery of the running standby and returns when it is a primary, on a timeline of its own.
func (s *Server) Promote(ctx context.Context) error {
	err := s.sup.Run(ctx, supervise.Command{Path: s.Path("pg_ctl"), Quiet: true, Args: []string{"promote", "-D", s.dir, "--wait",
		"--timeout=" + strconv.Itoa(promoteSeconds)}})
	if err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	return nil
}

// promoteSeconds bounds a promotion, before which all WAL that was received is replayed.
const promoteSeconds = 600
