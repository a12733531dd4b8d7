package postgres

import (
	"fmt"
	"strings"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// slotted lists the members for each of which whoever it streams from keeps a replication slot: all of them, since each
// may be primary or stream, and the read replicas. None when WAL is kept by size.
func slotted(in ConfigInput) []string {
	if in.Replication == nil || in.Replication.WALLimitPolicy != kubedbv1.WALLimitPolicyReplicationSlot || in.followers() < 2 {
		return nil
	}
	names := podNames(database.Group{PetSet: in.Name, Replicas: in.Replicas})
	for _, g := range in.ReadReplicas {
		names = append(names, podNames(g)...)
	}
	return names
}

// slotsText is the file naming.PostgresSlots.
func slotsText(members []string) string { return strings.Join(members, "\n") + "\n" }

// maxSlots is the default of max_replication_slots: PostgreSQL's own, and more where the members alone might need that.
// It does not depend on whether they have slots, because a change takes a restart.
func maxSlots(in ConfigInput) string { return fmt.Sprint(max(10, in.followers()+5)) }
