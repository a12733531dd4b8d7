package decide_test

import (
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/decide"
)

func TestNextOfAReplicaAndOfOneThatLeavesItsSource(t *testing.T) {
	t.Parallel()
	wanted, known := decide.Source{Wanted: true}, decide.Source{Wanted: true, Known: true}
	following := decide.Lease{Seen: true, Exists: true, SystemID: "7", Holder: "db-0", Source: "demo/pg"}
	away := decide.Lease{Away: true}
	staged := with(none, func(d *decide.Disk) { d.Staged, d.StagedSystemID = true, "7" })
	for _, row := range []struct {
		name    string
		ordinal int
		disk    decide.Disk
		lease   decide.Lease
		source  decide.Source
		want    decide.Do
		problem string
	}{
		{"a replica waits until it knows its source", 0, none, fresh, wanted, decide.Wait, ""},
		{"a new replica is never initialised", 0, none, fresh, known, decide.Clone, ""},
		{"an empty volume of a replica is filled again", 0, none, following, known, decide.Clone, ""},
		{"a complete copy is used", 0, staged, fresh, known, decide.AdoptStaged, ""},
		{"a replica follows", 0, copied, following, known, decide.FollowSource, ""},
		{"a replica that cannot follow is copied again", 0, with(copied, func(d *decide.Disk) { d.Lost = "gone" }), following, known, decide.Reclone, ""},
		{"a primary's own data are not given up", 0, own, recorded, known, decide.Wait, "a primary's own"},
		{"a replica follows while the API server is away", 0, copied, away, known, decide.FollowSource, ""},
		{"a primary's data are not served as a replica meanwhile", 0, own, away, known, decide.Wait, "a primary's own"},
		{"the others follow the first member", 1, copied, following, known, decide.Follow, ""},
		{"and are cloned from it", 1, none, following, known, decide.Clone, ""},
		{"the others never leave by themselves", 1, copied, following, decide.Source{}, decide.Follow, ""},
		{"who shall follow no more is promoted", 0, copied, following, decide.Source{}, decide.Promote, ""},
		{"not while the API server is away", 0, copied, away, decide.Source{}, decide.Wait, "not of this member's role"},
		{"who was promoted is primary", 0, own, following, decide.Source{}, decide.RunPrimary, ""},
		{"a volume lost on the way is not replaced", 0, none, following, decide.Source{}, decide.Wait, "volume was lost"},
		{"another cluster's data are not promoted", 0, with(foreign, func(d *decide.Disk) { d.Standby = true }), following, decide.Source{}, decide.Wait, "another cluster"},
	} {
		got := decide.Next(decide.Observed{Ordinal: row.ordinal, Disk: row.disk, Lease: row.lease, Admin: true, Source: row.source})
		if got.Do != row.want || got.Problem != (row.problem != "") || !strings.Contains(got.Reason, row.problem) {
			t.Errorf("%s: got %+v, want %s %q", row.name, got, row.want, row.problem)
		}
	}
}
