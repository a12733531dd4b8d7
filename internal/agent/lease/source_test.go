package lease_test

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/matriarchdb/matriarch/internal/agent/lease"
)

func TestTheLeaseRemembersTheSourceUntilItIsLeft(t *testing.T) {
	t.Parallel()
	by := lease.Holder{Pod: "db-0", UID: "u", Boot: "b"}
	taken := lease.Following(lease.Take(&coordinationv1.Lease{}, by, "7", time.Now()), "demo/pg")
	if lease.Source(taken) != "demo/pg" || lease.SystemID(taken) != "7" || lease.Term(taken) != 1 {
		t.Errorf("a follower's Lease has %v", taken.Annotations)
	}
	if released := lease.Released(taken); lease.Source(released) != "demo/pg" {
		t.Errorf("a released Lease has %v", released.Annotations)
	}
	left := lease.Following(taken, "")
	if lease.Source(left) != "" || lease.SystemID(left) != "7" || lease.Term(left) != 2 {
		t.Errorf("after leaving the Lease has %v", left.Annotations)
	}
	if again := lease.Following(left, ""); lease.Term(again) != 2 || lease.Source(taken) == "" {
		t.Errorf("leaving twice gives %v, the first Lease has %v", again.Annotations, taken.Annotations)
	}
	if lease.Source(nil) != "" {
		t.Error("no Lease has a source")
	}
}
