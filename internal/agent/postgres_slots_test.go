package agent_test

import (
	"strings"
	"testing"
)

// slotted configures a member so that slots are kept for the given pods, and nothing beside them.
func (p *dbPod) slotted(settings map[string]string, pods ...string) {
	p.w.t.Helper()
	data := p.files(settings)
	if len(pods) > 0 {
		data["replication-slots"] = strings.Join(pods, "\n") + "\n"
	}
	p.w.secret(p.config, data)
}

// nothingKept leaves only slots to keep WAL.
var nothingKept = map[string]string{"wal_keep_size": "0", "max_wal_size": "32MB", "min_wal_size": "32MB"}

func (c *cluster) slotted(settings map[string]string, pods ...string) {
	c.t.Helper()
	for _, p := range c.members {
		p.slotted(settings, pods...)
	}
}

// churn writes WAL until the server has recycled what it may.
func (p *dbPod) churn() {
	p.w.t.Helper()
	for range 4 {
		p.exec("SELECT pg_switch_wal()")
		p.exec("CREATE TABLE x AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
		p.exec("DROP TABLE x")
		p.exec("CHECKPOINT")
	}
}

const allSlots = "SELECT coalesce(string_agg(slot_name || ' ' || active::text, ', ' ORDER BY slot_name), '') FROM pg_replication_slots"

func TestASlotKeepsWhatAStoppedStandbyNeeds(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	c.slotted(nothingKept, "db-0", "db-1")
	c.started()
	primary, standby := c.members[0], c.members[1]
	primary.answers(allSlots, "matriarch_db_1 true")
	standby.answers(allSlots, "")
	primary.exec("SELECT pg_create_physical_replication_slot('users_own')")

	standby.terminate()
	standby.exited()
	primary.exec("CREATE TABLE t AS SELECT 1 AS a")
	primary.churn()
	primary.terminate() // the slot outlives a restart
	primary.exited()
	primary.start()
	primary.isReady(true)
	standby.start()
	standby.isReady(true)
	standby.answers("SELECT count(*)::text FROM t", "1")
	if strings.Contains(standby.said(), "reclone") {
		t.Error("the standby was cloned again")
	}

	before := standby.postmaster()
	c.slotted(nothingKept)
	primary.answers(allSlots, "users_own false")
	primary.answers("SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'", "1")
	c.slotted(nothingKept, "db-0", "db-1")
	primary.answers(allSlots, "matriarch_db_1 true, users_own false")
	if standby.postmaster() != before {
		t.Error("a change of the policy restarted the standby")
	}
	c.slotted(nothingKept, "db-0", "db-1", "db-2")
	primary.answers(allSlots, "matriarch_db_1 true, matriarch_db_2 false, users_own false")
	c.slotted(nothingKept, "db-0", "db-1")
	primary.answers(allSlots, "matriarch_db_1 true, users_own false")
}

func TestAStandbyWhoseSlotLostItsWALIsClonedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	settings := map[string]string{"max_slot_wal_keep_size": "32MB"}
	for name, value := range nothingKept {
		settings[name] = value
	}
	c.slotted(settings, "db-0", "db-1")
	c.started()
	primary, standby := c.members[0], c.members[1]
	standby.terminate()
	standby.exited()
	primary.exec("CREATE TABLE t AS SELECT 1 AS a")
	primary.churn()
	primary.answers("SELECT (restart_lsn IS NULL AND wal_status IS DISTINCT FROM 'lost')::text FROM pg_replication_slots", "true") // made anew, and keeps nothing
	if !strings.Contains(primary.said(), "has lost its WAL") {
		t.Error("nobody says that the slot was lost")
	}
	standby.start()
	standby.answers("SELECT count(*)::text FROM t", "1")
	standby.isReady(true)
	primary.answers(allSlots, "matriarch_db_1 true")
	if !strings.Contains(standby.said(), "reclone") {
		t.Error("the standby was not cloned again")
	}
}

func TestAStandbyForgetsTheSlotsOfAFormerPrimary(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2).started()
	standby := c.members[1]
	standby.exec("SELECT pg_create_physical_replication_slot('matriarch_db_0', true)")
	standby.exec("SELECT pg_create_physical_replication_slot('users_own', true)")
	standby.terminate()
	standby.exited()
	standby.start()
	standby.answers(allSlots, "users_own false")
}
