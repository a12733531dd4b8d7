package pg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/naming"
)

const (
	// trialSpace is what a throwaway cluster needs, generously.
	trialSpace = 256 << 20
	// trialTimeout bounds a trial. A server that has not ended by then did not refuse its files.
	trialTimeout = 30 * time.Second
)

// trialSettings keep a throwaway server out of everybody's way: not to be reached, small, and without effect on an
// archive. Memory is judged by the first member that restarts.
var trialSettings = []string{"listen_addresses=", "shared_buffers=16MB", "huge_pages=off", "fsync=off", "archive_command=/bin/true",
	"max_wal_size=64MB", "min_wal_size=32MB", "wal_keep_size=0", "restore_command="}

// trial starts a throwaway server over the candidate when it changes what only a start judges: whether libraries
// exist and parameters fit each other. `postgres -C` sees neither, and a running server notices at its next start.
func (s *Server) trial(ctx context.Context, set apply.Set) error {
	settings, err := s.parse(set)
	if err != nil {
		return err
	}
	if needed, err := s.trialNeeded(settings); err != nil || !needed {
		return err
	}
	dir := filepath.Join(s.opts.Volume.State(), "trial")
	defer os.RemoveAll(dir)
	if err := s.trialCluster(ctx, dir, set); err != nil {
		return err
	}
	return s.trialStart(ctx, dir)
}

func (s *Server) trialNeeded(settings *conf.Settings) (bool, error) {
	know, err := catalog.Postgres(s.Version)
	if err != nil {
		return false, fmt.Errorf("know the parameters of PostgreSQL %s: %w", s.Version, err)
	}
	if len(layer.Diff(s.begun, settings, know).Names(layer.Restart)) == 0 {
		return false, nil
	}
	free, err := s.opts.Volume.Free()
	return free > trialSpace, err
}

func (s *Server) trialCluster(ctx context.Context, dir string, set apply.Set) error {
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Dir(dir), 0o700)); err != nil {
		return fmt.Errorf("make room for a trial: %w", err)
	}
	err := s.sup.Run(ctx, supervise.Command{Path: s.Path("initdb"), Quiet: true,
		Args: []string{"-D", dir, "--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust", "--username=trial"}})
	if err != nil {
		return fmt.Errorf("make a throwaway cluster: %w", err)
	}
	for _, key := range []string{naming.PostgresConf, naming.PostgresHBA} {
		if err := apply.WriteFile(filepath.Join(dir, key), set.Config[key], 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) trialStart(ctx context.Context, dir string) error {
	args := []string{"-D", dir, "-c", "unix_socket_directories=" + s.opts.Scratch, "-c", "port=1"}
	for _, setting := range trialSettings {
		if s.Major < 13 && setting == "wal_keep_size=0" {
			continue
		}
		args = append(args, "-c", setting)
	}
	process, err := s.sup.Start(supervise.Command{Path: s.Path("postgres"), Args: args, Quiet: true})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	throwaway := &Server{dir: dir, process: process, begun: s.begun}
	err = throwaway.awaitUp(ctx)
	stopping, end := context.WithTimeout(context.Background(), immediateReserve)
	defer end()
	_ = process.Stop(stopping, syscall.SIGQUIT)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// Judge asks the programs of a version about files that none of its servers has seen yet, without a data directory.
type Judge struct{ server *Server }

// NewJudge returns a Judge. The server's volume need only be an empty folder.
func NewJudge(server *Server) *Judge { return &Judge{server} }

// Version is what the programs say of themselves.
func (j *Judge) Version() string { return j.server.Programs.Version }

// Vet reads the files as a whole.
func (j *Judge) Vet(ctx context.Context, set apply.Set) error { return j.server.Vet(ctx, set) }

// Try starts a throwaway server over the files, whatever they say: to this version all of it is new.
func (j *Judge) Try(ctx context.Context, set apply.Set) error {
	s := j.server
	settings, err := s.parse(set)
	if err != nil {
		return err
	}
	s.begun = settings
	if err := s.Equip(set); err != nil {
		return err
	}
	dir := filepath.Join(s.opts.Volume.State(), "trial")
	defer os.RemoveAll(dir)
	if err := s.trialCluster(ctx, dir, set); err != nil {
		return err
	}
	return s.trialStart(ctx, dir)
}
