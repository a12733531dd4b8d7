package pg

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/naming"
)

const (
	// slotPrefix marks the replication slots of the agents; every other slot is somebody else's.
	slotPrefix = "matriarch_"
	// slotNameMax is the longest name that PostgreSQL takes (NAMEDATALEN less one).
	slotNameMax = 63
	// slotsDir holds one folder per slot in a data directory.
	slotsDir = "pg_replslot"
)

// SlotName is the name of the slot that is kept for a member. PostgreSQL allows lower-case letters, digits and
// underscores; what is too long is cut and made unique again by a hash.
func SlotName(pod string) string {
	name := []byte(slotPrefix + strings.ToLower(pod))
	for i, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			name[i] = '_'
		}
	}
	if len(name) <= slotNameMax {
		return string(name)
	}
	sum := sha256.Sum256([]byte(pod))
	const hashed = 8
	return string(name[:slotNameMax-hashed-1]) + "_" + hex.EncodeToString(sum[:hashed/2])
}

// SlotMembers are the pods for each of which whoever it streams from keeps a slot, as the configuration says; none when
// WAL is kept by size.
func SlotMembers(config apply.Files) []string {
	return strings.Fields(string(config[naming.PostgresSlots]))
}

// slot is a replication slot of the agents' on this server.
type slot struct {
	name string
	// active: a standby streams from it. lost: the WAL that it reserved is gone (max_slot_wal_keep_size).
	active, lost bool
}

// slotChanges is what it takes to get from the slots there are to those that shall be.
type slotChanges struct {
	// create is for members without a slot; the slot reserves WAL from now on.
	create []string
	// renew are slots whose WAL is gone. The new one reserves nothing until its member, which has to be cloned anew, uses
	// it: WAL kept for it meanwhile would be of no use.
	renew []string
	// drop are slots of nobody. One that is still in use is kept until it is not.
	drop []string
}

func planSlots(have []slot, wanted []string) slotChanges {
	var c slotChanges
	var known []string
	for _, s := range have {
		known = append(known, s.name)
		switch {
		case s.active:
		case !slices.Contains(wanted, s.name):
			c.drop = append(c.drop, s.name)
		case s.lost:
			c.renew = append(c.renew, s.name)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			c.create = append(c.create, name)
		}
	}
	return c
}

// KeepSlots makes the slots of this server those of the members other than its own, in recovery as well. It returns
// how many slots of the agents' there are.
func (s *Server) KeepSlots(ctx context.Context, members []string, self string) (int, error) {
	var wanted []string
	for _, pod := range members {
		if pod != self {
			wanted = append(wanted, SlotName(pod))
		}
	}
	have, err := s.slots(ctx)
	if err != nil {
		return 0, err
	}
	changes := planSlots(have, wanted)
	for _, name := range changes.renew {
		slog.Warn("a replication slot has lost its WAL: the member was away for longer than max_slot_wal_keep_size covers, and will be cloned anew", "slot", name)
		err = errors.Join(err, s.dropSlot(ctx, name), s.createSlot(ctx, name, false))
	}
	for _, name := range changes.create {
		slog.Info("making a replication slot", "slot", name)
		err = errors.Join(err, s.createSlot(ctx, name, true))
	}
	for _, name := range changes.drop {
		slog.Info("dropping the replication slot of a member that is gone", "slot", name)
		err = errors.Join(err, s.dropSlot(ctx, name))
	}
	return len(have) + len(changes.create), err
}

func (s *Server) slots(ctx context.Context) ([]slot, error) {
	rows, err := s.Ask(ctx, `SELECT slot_name, active, coalesce(wal_status, '') = 'lost' FROM pg_replication_slots
		WHERE starts_with(slot_name, $1) AND slot_type = 'physical' AND NOT temporary`, slotPrefix)
	if err != nil {
		return nil, fmt.Errorf("list the replication slots: %w", err)
	}
	var have []slot
	for _, row := range rows {
		have = append(have, slot{name: row[0], active: row[1] == "t", lost: row[2] == "t"})
	}
	return have, nil
}

func (s *Server) createSlot(ctx context.Context, name string, reserve bool) error {
	_, err := s.Ask(ctx, "SELECT pg_create_physical_replication_slot($1, $2::boolean)", name, fmt.Sprint(reserve))
	if err != nil {
		return fmt.Errorf("make the replication slot %s: %w", name, err)
	}
	return nil
}

func (s *Server) dropSlot(ctx context.Context, name string) error {
	if _, err := s.Ask(ctx, "SELECT pg_drop_replication_slot($1)", name); err != nil {
		return fmt.Errorf("drop the replication slot %s: %w", name, err)
	}
	return nil
}

// ForgetSlots removes the agents' slots from the data directory of a server that is down: those of a former primary
// would keep WAL on a standby for ever, since nobody moves them on.
func (s *Server) ForgetSlots() error {
	left, err := filepath.Glob(filepath.Join(s.dir, slotsDir, slotPrefix+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("remove the replication slots of a former primary: %w", err)
	}
	return nil
}

// HasSlot tells whether the server that a member streams from has the slot for it.
func (s *Server) HasSlot(ctx context.Context, from Upstream, admin Admin, name string) (bool, error) {
	rows, err := s.askUpstream(ctx, from, admin, "SELECT 1 FROM pg_replication_slots WHERE slot_name = $1", name)
	return len(rows) == 1, err
}

// askUpstream runs one statement on the server that a member streams from.
func (s *Server) askUpstream(ctx context.Context, from Upstream, admin Admin, statement string, parameters ...string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	conn, err := s.connectUpstream(ctx, from, admin, "dbname=postgres")
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return ask(ctx, conn, statement, parameters...)
}
