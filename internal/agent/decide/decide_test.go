package decide_test

import (
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/decide"
)

// Shorthands for the rows below.
var (
	fresh    = decide.Lease{Seen: true, Exists: true}
	recorded = decide.Lease{Seen: true, Exists: true, SystemID: "7", Holder: "db-0"}
	released = decide.Lease{Seen: true, Exists: true, SystemID: "7"}
	none     = decide.Disk{Data: decide.Empty}
	own      = decide.Disk{Data: decide.Cluster, SystemID: "7"}
	copied   = decide.Disk{Data: decide.Cluster, SystemID: "7", Standby: true}
	foreign  = decide.Disk{Data: decide.Cluster, SystemID: "8"}
)

func with(d decide.Disk, change func(*decide.Disk)) decide.Disk {
	change(&d)
	return d
}

func TestNext(t *testing.T) {
	t.Parallel()
	staged := func(id string) func(*decide.Disk) {
		return func(d *decide.Disk) { d.Staged, d.StagedSystemID = true, id }
	}
	former := func(d *decide.Disk) { d.Former = true }
	lost := func(d *decide.Disk) { d.Lost = "the WAL is gone" }
	rows := []struct {
		name    string
		ordinal int
		disk    decide.Disk
		lease   decide.Lease
		want    decide.Do
		problem string // part of the reason, when a person has to look
	}{
		{"a new primary makes the cluster", 0, none, fresh, decide.Initialise, ""},
		{"a primary with data serves", 0, own, recorded, decide.RunPrimary, ""},
		{"a primary with data and a Lease made anew records it", 0, own, fresh, decide.RunPrimary, ""},
		{"a primary whose initialisation was complete goes on", 0, with(none, staged("7")), fresh, decide.AdoptStaged, ""},
		{"a complete initialisation that was recorded already goes on", 0, with(none, staged("7")), recorded, decide.AdoptStaged, ""},
		{"a complete initialisation of another system is not used", 0, with(none, staged("9")), recorded, decide.Wait, "volume was lost"},
		{"an empty volume never replaces a recorded cluster", 0, none, recorded, decide.Wait, "volume was lost"},
		{"nor after the Lease was given back", 0, none, released, decide.Wait, "volume was lost"},
		{"data moved aside comes back", 0, with(none, former), recorded, decide.RestoreFormer, ""},
		{"a primary does not serve another cluster's data", 0, foreign, recorded, decide.Wait, "another cluster"},
		{"a primary does not promote by itself yet", 0, copied, recorded, decide.Wait, "standby's"},

		{"a standby waits for the cluster to be made", 1, none, fresh, decide.Wait, ""},
		{"a new standby clones", 1, none, recorded, decide.Clone, ""},
		{"a new standby waits while there is no primary", 1, none, released, decide.Wait, ""},
		{"a standby with data follows", 1, copied, recorded, decide.Follow, ""},
		{"a standby follows while there is no primary", 2, copied, released, decide.Follow, ""},
		{"a standby that cannot follow is cloned again", 1, with(copied, lost), recorded, decide.Reclone, ""},
		{"a standby never starts a primary's data", 1, own, recorded, decide.Reclone, ""},
		{"a complete clone is used", 1, with(none, staged("7")), recorded, decide.AdoptStaged, ""},
		{"a clone of another system is not used", 1, with(none, staged("9")), recorded, decide.Clone, ""},
		{"a standby's data moved aside comes back", 1, with(none, former), released, decide.RestoreFormer, ""},
		{"a complete clone wins over the data moved aside", 1, with(with(none, staged("7")), former), recorded, decide.AdoptStaged, ""},
		{"a standby does not delete another cluster's data", 1, foreign, recorded, decide.Wait, "another cluster"},

		{"unknown files are left alone", 0, decide.Disk{Data: decide.Unknown}, fresh, decide.Wait, "no database cluster"},
		{"unknown files are left alone on a standby too", 1, decide.Disk{Data: decide.Unknown}, recorded, decide.Wait, "no database cluster"},
		{"nothing happens before the Lease was read", 0, none, decide.Lease{}, decide.Wait, ""},
		{"a Lease that does not exist is somebody's mistake", 0, own, decide.Lease{Seen: true}, decide.Wait, "does not exist"},

		{"without the API server the primary serves what it has", 0, own, decide.Lease{Away: true}, decide.RunPrimary, ""},
		{"without the API server no cluster is made", 0, none, decide.Lease{Away: true}, decide.Wait, "API server is away"},
		{"without the API server a standby follows", 1, copied, decide.Lease{Away: true}, decide.Follow, ""},
		{"without the API server nothing is cloned", 1, none, decide.Lease{Away: true}, decide.Wait, "API server is away"},
		{"without the API server nobody changes roles", 1, own, decide.Lease{Away: true}, decide.Wait, "not of this member's role"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := decide.Next(decide.Observed{Ordinal: row.ordinal, Disk: row.disk, Lease: row.lease, Admin: true})
			if got.Do != row.want {
				t.Fatalf("%s (%s), want %s", got.Do, got.Reason, row.want)
			}
			if got.Problem != (row.problem != "") || !strings.Contains(got.Reason, row.problem) {
				t.Errorf("problem %v: %q, want one about %q", got.Problem, got.Reason, row.problem)
			}
			if got.Reason == "" {
				t.Error("no reason given")
			}
		})
	}
}

func TestAReadReplicaOnlyEverFollowsWhateverItsOrdinal(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		disk  decide.Disk
		lease decide.Lease
		want  decide.Do
	}{
		"it makes no cluster":                                {none, fresh, decide.Wait},
		"it clones":                                          {none, recorded, decide.Clone},
		"it waits for a primary to clone":                    {none, released, decide.Wait},
		"it follows":                                         {copied, recorded, decide.Follow},
		"it follows while there is no primary":               {copied, released, decide.Follow},
		"it serves no primary's data":                        {own, recorded, decide.Reclone},
		"it touches no other cluster's data":                 {foreign, recorded, decide.Wait},
		"it follows without the API server":                  {copied, decide.Lease{Away: true}, decide.Follow},
		"it serves no primary's data without the API server": {own, decide.Lease{Away: true}, decide.Wait},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for ordinal := range 2 {
				got := decide.Next(decide.Observed{Ordinal: ordinal, ReadReplica: true, Disk: row.disk, Lease: row.lease, Admin: true})
				if got.Do != row.want {
					t.Errorf("ordinal %d: %s (%s), want %s", ordinal, got.Do, got.Reason, row.want)
				}
			}
		})
	}
}

func TestNothingHappensWithoutTheAdministrator(t *testing.T) {
	t.Parallel()
	for _, disk := range []decide.Disk{none, own, copied, foreign} {
		if got := decide.Next(decide.Observed{Disk: disk, Lease: recorded}); got.Do != decide.Wait || got.Problem {
			t.Errorf("%+v: %s, want to wait", disk, got.Do)
		}
	}
}

// model is a member whose actions take effect in steps; between any two of them it can be killed.
type model struct {
	o       decide.Observed
	next    string // system identifier of the next initdb
	inits   int
	serving bool
}

// steps returns what an action changes, one step after the other, as the agent does it.
func (m *model) steps(do decide.Do) []func() {
	disk := &m.o.Disk
	adopt := []func(){
		func() {
			disk.Former, disk.Data, disk.SystemID, disk.Standby = disk.Data == decide.Cluster, decide.Empty, "", false
		},
		func() {
			disk.Data, disk.SystemID, disk.Standby = decide.Cluster, disk.StagedSystemID, m.o.Ordinal != 0
			disk.Staged, disk.StagedSystemID, disk.Lost = false, "", ""
		},
		func() { disk.Former = false },
	}
	switch do {
	case decide.Initialise:
		return append([]func(){
			func() { disk.Staged, disk.StagedSystemID = false, ""; m.inits++ },
			func() { disk.Staged, disk.StagedSystemID = true, m.next },
		}, adopt...)
	case decide.Clone, decide.Reclone:
		return append([]func(){
			func() { disk.Staged, disk.StagedSystemID = false, "" },
			func() { disk.Staged, disk.StagedSystemID = true, m.o.Lease.SystemID },
		}, adopt...)
	case decide.AdoptStaged:
		return adopt
	case decide.RestoreFormer:
		return []func(){func() {
			disk.Data, disk.SystemID, disk.Standby, disk.Former = decide.Cluster, "7", m.o.Ordinal != 0, false
		}}
	case decide.RunPrimary:
		return []func(){
			func() { m.o.Lease.SystemID, m.o.Lease.Holder = disk.SystemID, "db-0" },
			func() { disk.Former, m.serving = false, true },
		}
	case decide.Follow:
		return []func(){func() { disk.Former, m.serving = false, true }}
	}
	return nil
}

func TestAMemberKilledAfterAnyStepEndsUpServing(t *testing.T) {
	t.Parallel()
	starts := map[string]decide.Observed{
		"a new primary":           {Ordinal: 0, Disk: none, Lease: fresh, Admin: true},
		"a new standby":           {Ordinal: 1, Disk: none, Lease: recorded, Admin: true},
		"a standby lost its way":  {Ordinal: 1, Disk: with(copied, func(d *decide.Disk) { d.Lost = "gone" }), Lease: recorded, Admin: true},
		"a standby with own data": {Ordinal: 2, Disk: own, Lease: recorded, Admin: true},
	}
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for killAfter := range 12 {
				m := &model{o: start, next: "7"}
				m.run(t, killAfter)
				if !m.serving || m.o.Disk.SystemID != "7" || m.o.Disk.Former {
					t.Errorf("killed after step %d: ends with %+v, serving %v", killAfter, m.o, m.serving)
				}
			}
		})
	}
}

// run goes on until the member serves, with one kill after so many steps. A kill loses what is known only in memory.
func (m *model) run(t *testing.T, killAfter int) {
	t.Helper()
	done := 0
	for range 20 {
		action := decide.Next(m.o)
		if action.Do == decide.Initialise && m.o.Lease.SystemID != "" {
			t.Fatalf("a second cluster over system %s", m.o.Lease.SystemID)
		}
		steps := m.steps(action.Do)
		for _, step := range steps {
			step()
			done++
			if done == killAfter {
				m.serving, m.o.Disk.Lost = false, ""
				break
			}
		}
		if m.serving || len(steps) == 0 {
			return
		}
	}
}
