package member

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/pg"
)

// slotsEvery is how often the slots are looked at while there are any: one that nobody uses any more, or that has lost
// its WAL, causes no event.
const slotsEvery = 10 * time.Second

// keepSlots keeps a replication slot for each member that streams from this one, until ctx ends. It looks at once, after
// each change of the configuration, and as long as there is a slot now and then.
func (m *Member) keepSlots(ctx context.Context) {
	tick := time.NewTicker(slotsEvery)
	defer tick.Stop()
	for {
		left, err := m.Server.KeepSlots(ctx, m.Server.SlotMembers(), m.Pod)
		if err != nil && ctx.Err() == nil {
			slog.Warn("cannot keep the replication slots, will try again", "error", err)
		}
		var again <-chan time.Time
		if left > 0 || err != nil {
			again = tick.C
		}
		select {
		case <-ctx.Done():
			return
		case <-m.slots.changed:
		case <-again:
		}
	}
}

// slotKeeper runs keepSlots beside the server.
type slotKeeper struct{ changed chan struct{} }

// look makes keepSlots look again.
func (k slotKeeper) look() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// withSlots starts keepSlots; the function returned ends it.
func (m *Member) withSlots(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	m.slots = slotKeeper{changed: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.keepSlots(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// slotAt returns the name of this member's slot at the server that it streams from; empty if there shall be none. It
// has to be there before a copy begins: what the copy lacks is kept from then on.
func (m *Member) slotAt(ctx context.Context, from origin) (string, error) {
	if from.source != "" {
		return "", nil
	}
	set, err := m.Applier.Newest()
	if err != nil {
		return "", err
	}
	if !slices.Contains(pg.SlotMembers(set.Config), m.Pod) {
		return "", nil
	}
	name := pg.SlotName(m.Pod)
	found, err := m.Server.HasSlot(ctx, from.at, from.as, name)
	if err == nil && !found {
		err = &waiting{reason: fmt.Sprintf("%s has not made the replication slot %s for this member yet", from.at.Address(), name)}
	}
	return name, err
}
