package pg

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

// A hot standby refuses to run with less of certain resources than the primary had when it wrote the WAL that is being
// replayed (CheckRequiredParameterValues in src/backend/access/transam/xlogrecovery.c; the manual's "Administrator's
// Overview" of hot standby). What the primary had is in the standby's control file, which replay keeps current. A
// standby whose files ask for less therefore starts with the primary's value, so that it comes up whenever it has to,
// and says that it waits for another restart.

// floors are these parameters, and what pg_controldata calls the primary's values.
var floors = []struct{ parameter, control string }{
	{"max_connections", "max_connections setting"},
	{"max_worker_processes", "max_worker_processes setting"},
	{"max_wal_senders", "max_wal_senders setting"},
	{"max_prepared_transactions", "max_prepared_xacts setting"},
	{"max_locks_per_transaction", "max_locks_per_xact setting"},
}

// floor is what a standby must not run below.
type floor struct {
	// values by parameter; empty for a primary.
	values map[string]int64
	// asOf is when the control file that they come from was written.
	asOf time.Time
}

// standby tells whether the server is to follow a primary.
func (s *Server) standby() bool { return s.own.PrimaryConninfo != "" }

// ReadFloor reads the primary's values again if the control file was written since.
func (s *Server) ReadFloor(ctx context.Context) error {
	if !s.standby() {
		s.floor = floor{}
		return nil
	}
	info, err := os.Stat(filepath.Join(s.dir, "global", "pg_control"))
	if err != nil {
		return fmt.Errorf("look at the control file: %w", err)
	}
	if info.ModTime().Equal(s.floor.asOf) {
		return nil
	}
	data, err := controlData(ctx, s.sup, s.Programs, s.dir)
	if err != nil {
		return err
	}
	values := map[string]int64{}
	for _, f := range floors {
		n, err := strconv.ParseInt(data[f.control], 10, 64)
		if err != nil {
			return fmt.Errorf("read the %s from the control file: %w", f.control, err)
		}
		values[f.parameter] = n
	}
	s.floor = floor{values: values, asOf: info.ModTime()}
	return nil
}

// hold makes the server start with the primary's value of each parameter for which the files ask for less.
func (s *Server) hold(ctx context.Context) error {
	s.held = nil
	if err := s.ReadFloor(ctx); err != nil {
		return err
	}
	held := map[string]int64{}
	for name, least := range s.floor.values {
		if wanted, known := s.wanted(name); known && wanted < least {
			held[name] = least
		}
	}
	s.held = held
	return s.writeOwn()
}

// Held implements apply.Clustered: the parameters that the server was started with the primary's value for, and for
// which the files still ask for less.
func (s *Server) Held() []string {
	var names []string
	for name, value := range s.held {
		if wanted, known := s.wanted(name); known && wanted < value {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// RestartOrder implements apply.Clustered.
func (s *Server) RestartOrder(pending []string) (after, before []string) {
	for _, name := range pending {
		least, isFloor := s.floor.values[conf.FoldName(name)]
		wanted, known := s.wanted(name)
		switch {
		case !isFloor || !known:
		case wanted < least:
			after = append(after, name)
		case wanted > least:
			before = append(before, name)
		}
	}
	return after, before
}

// wanted is what the files ask for.
func (s *Server) wanted(name string) (int64, bool) {
	value, set := s.settings.Get(name)
	if !set {
		know, err := catalog.Postgres(s.Version)
		if err != nil {
			return 0, false
		}
		if value, set = know.Default(name); !set {
			return 0, false
		}
	}
	n, err := pgconf.ParseInt(value, "")
	return n, err == nil
}
