package pg

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

// Try judges what the files mean together. See trial.go.
func (s *Server) Try(ctx context.Context, set apply.Set) error { return s.trial(ctx, set) }

// reloadTimeout bounds the wait for the postmaster to read its files again.
const reloadTimeout = 10 * time.Second

// Reload sends SIGHUP and asks the server: which lines it could not apply, and which parameters wait for a restart.
func (s *Server) Reload(ctx context.Context, _ apply.Set) ([]string, error) {
	if err := s.ReadFloor(ctx); err != nil {
		return nil, err
	}
	if s.status() != "ready" {
		return s.reloadUnasked()
	}
	// What follows is for superusers. On a replica of a server elsewhere the administrator may be somebody who can only
	// replicate.
	if super, err := s.askOne(ctx, "SHOW is_superuser"); err != nil || super != "on" {
		if err == nil {
			return s.reloadUnasked()
		}
		return nil, err
	}
	before, err := s.askOne(ctx, "SELECT pg_conf_load_time()")
	if err != nil {
		return nil, err
	}
	if words, err := s.refusedHBA(ctx); err != nil || words != "" {
		if err == nil {
			err = &apply.Refusal{Words: words}
		}
		return nil, err
	}
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		return nil, err
	}
	if err := s.awaitLoad(ctx, before); err != nil {
		return nil, err
	}
	pending, err := s.column(ctx, "SELECT name FROM pg_settings WHERE pending_restart ORDER BY name")
	if err != nil {
		return nil, err
	}
	// A value that waits for a restart is listed as not applied too; it is no error.
	refused, err := s.column(ctx, `SELECT format('%s: line %s: %s = %L: %s', regexp_replace(f.sourcefile, '.*/', ''), f.sourceline, f.name, f.setting, f.error)
		FROM pg_file_settings f LEFT JOIN pg_settings s ON lower(s.name) = lower(f.name)
		WHERE f.error IS NOT NULL AND s.pending_restart IS NOT TRUE`)
	if err != nil {
		return nil, err
	}
	if len(refused) > 0 {
		return nil, &apply.Refusal{Words: apply.Complaints(refused)}
	}
	return pending, nil
}

// refusedHBA reads the file on disk as the server would and returns what is wrong with it; the server itself would only
// log it and keep the former rules. Lines for TLS alone are no error: the server says so of them as long as ssl is off,
// and the same reload may turn it on.
func (s *Server) refusedHBA(ctx context.Context) (string, error) {
	wrong, err := s.column(ctx, `SELECT format('pg_hba.conf: line %s: %s', line_number, error) FROM pg_hba_file_rules
		WHERE error IS NOT NULL AND error NOT LIKE 'hostssl record cannot match%'`)
	if err != nil || len(wrong) == 0 {
		return "", err
	}
	return apply.Complaints(wrong), nil
}

// awaitLoad waits until new sessions see that the postmaster has read its files after the given time.
func (s *Server) awaitLoad(ctx context.Context, before string) error {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	for {
		now, err := s.askOne(ctx, "SELECT pg_conf_load_time()")
		if err == nil && now != before {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server has not read its files again within %s: %s", reloadTimeout, s.LastWords())
		case <-s.process.Done():
			return fmt.Errorf("the server ended during a reload: %s", s.LastWords())
		case <-time.After(pollEvery):
		}
	}
}

// reloadUnasked is for a server that does not answer such questions, as a warm standby: what waits for a restart is known from the catalog only.
func (s *Server) reloadUnasked() ([]string, error) {
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		return nil, err
	}
	know, err := catalog.Postgres(s.Version)
	if err != nil {
		return nil, fmt.Errorf("know the parameters of PostgreSQL %s: %w", s.Version, err)
	}
	return layer.Diff(s.begun, s.settings, know).Names(layer.Restart), nil
}

func (s *Server) column(ctx context.Context, statement string) ([]string, error) {
	rows, err := s.Ask(ctx, statement)
	if err != nil {
		return nil, err
	}
	var values []string
	for _, row := range rows {
		values = append(values, row[0])
	}
	return values, nil
}
