package agent_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/report"
)

// again restarts a member in order and waits until it is ready.
func (p *dbPod) again() {
	p.w.t.Helper()
	p.terminate()
	p.exited()
	p.start()
	p.isReady(true)
}

// A hot standby with less than its primary's max_connections would refuse to start.
func TestAStandbyComesUpWithThePrimarysValuesUntilThePrimaryHasLess(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2).started()
	primary, standby := c.members[0], c.members[1]
	less := map[string]string{"max_connections": "15", "max_locks_per_transaction": "32"}
	names := slices.Sorted(maps.Keys(less))
	hash := standby.configure(less)
	waits := func(r report.Report) bool {
		return r.Accepted(hash) && slices.Equal(r.PendingRestart, names) && slices.Equal(r.AfterPrimary, names)
	}
	standby.reports("waits for the primary", waits)
	standby.again()
	standby.reports("waits for the primary after a restart too", waits)
	standby.answers("SHOW max_connections", "20")

	primary.configure(less)
	primary.reports("waits for a restart", func(r report.Report) bool {
		return slices.Equal(r.PendingRestart, names) && len(r.AfterPrimary) == 0
	})
	primary.again()
	primary.answers("SHOW max_connections", "15")
	standby.reports("waits only for its restart", func(r report.Report) bool {
		return slices.Equal(r.PendingRestart, names) && len(r.AfterPrimary) == 0
	})
	standby.again()
	standby.reports("waits for nothing", func(r report.Report) bool { return r.Accepted(hash) && len(r.PendingRestart) == 0 })
	standby.answers("SHOW max_connections", "15")
	standby.answers("SHOW max_locks_per_transaction", "32")
}

func TestAStandbyThatIsToHaveMoreGoesBeforeThePrimary(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2).started()
	primary, standby := c.members[0], c.members[1]
	more := map[string]string{"max_connections": "30"}
	hash := standby.configure(more)
	standby.reports("says so", func(r report.Report) bool {
		return r.Accepted(hash) && slices.Equal(r.BeforePrimary, []string{"max_connections"}) && len(r.AfterPrimary) == 0
	})
	standby.again()
	standby.reports("waits for nothing", func(r report.Report) bool {
		return r.Accepted(hash) && len(r.PendingRestart)+len(r.BeforePrimary) == 0 && !r.NotStreaming
	})
	primary.configure(more)
	primary.again()
	primary.answers("SHOW max_connections", "30")
	standby.answers("SHOW max_connections", "30")
	standby.isReady(true)
}
