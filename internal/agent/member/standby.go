package member

import (
	"context"
	"errors"
	"log/slog"

	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// clone copies what the member streams from beside the place of the data directory and puts the copy into place.
func (m *Member) clone(stop context.Context) error {
	from := m.origin()
	if err := m.equip(); err != nil {
		return err
	}
	if err := m.checkSource(stop, from); err != nil {
		return err
	}
	slot, err := m.slotAt(stop, from)
	if err != nil {
		return err
	}
	slog.Info("copying", "from", from.at.Address(), "slot", slot)
	if err := m.Server.Clone(stop, from.at, from.as, slot); err != nil {
		return err
	}
	if from.source != "" {
		if err := m.Server.ForgetAlterSystem(); err != nil {
			return err
		}
	}
	if err := m.Volume.Complete(); err != nil {
		return err
	}
	if err := m.Volume.Adopt(); err != nil {
		return err
	}
	m.lost = ""
	return nil
}

// reclone keeps the old data until the copy is complete, if there is room for both. They are of no use to anybody by
// then, except for a person who wants to look. A source does not have to tell its size to who replicates: then the old
// data stay in any case.
func (m *Member) reclone(stop context.Context) error {
	from := m.origin()
	if err := m.equip(); err != nil {
		return err
	}
	room, err := m.Server.RoomForClone(stop, from.at, from.as)
	if err != nil && from.source == "" {
		return err // the primary does not answer: not the moment to remove anything
	}
	if err == nil && !room {
		slog.Warn("no room for a second copy: removing the data that cannot follow any more")
		if err := m.Volume.Drop(); err != nil {
			return err
		}
	}
	return m.clone(stop)
}

// equip gives the server what it needs to reach the primary.
func (m *Member) equip() error {
	set, err := m.Applier.Wanted()
	if err != nil {
		return err
	}
	return m.Server.Equip(set)
}

// follow serves as a standby until stop ends, the server dies, or its data turns out to be unable to follow. When it
// returns no PostgreSQL runs.
func (m *Member) follow(stop context.Context) error { return m.followFrom(stop, m.origin(), nil) }

// followFrom is follow with a word from elsewhere, gone, that ends it.
func (m *Member) followFrom(stop context.Context, from origin, gone <-chan error) error {
	admin, _ := m.World.Admin()
	if err := m.equip(); err != nil {
		return err
	}
	if err := m.Volume.Tidy(); err != nil {
		return err
	}
	if err := m.Server.WritePassfile(from.as); err != nil {
		return err
	}
	m.Server.Use(m.Volume.Data(), pg.Own{Name: m.Pod, PrimaryConninfo: m.conninfo(from), Slotted: from.source == ""})
	m.Server.As(admin.User)
	defer m.Server.StopNow() // of no effect after an orderly end
	if from.source == "" {
		if err := m.Server.ForgetSlots(); err != nil {
			return err
		}
	}
	if err := m.Applier.Start(stop, m.Server.Start); err != nil {
		return err
	}
	if from.source != "" {
		defer m.withSlots(stop)()
	}
	m.Label(m.followerRole())

	watch := &streamWatch{server: m.Server, from: func() pg.Upstream { return m.origin().at }, tell: m.tellStreaming}
	defer m.tellStreaming(true) // of no meaning while it is no standby
	m.Probes.SetCheck(watch.ready)
	defer m.Probes.SetCheck(nil)
	lost := make(chan error, 2)
	watching, end := context.WithCancel(stop)
	defer end()
	go func() { lost <- watch.untilLost(watching) }()
	go func() {
		select {
		case <-watching.Done():
		case err := <-gone: // never from nil
			if err != nil {
				lost <- err
			}
		}
	}()

	err := m.serve(stop, lost, m.standbyDuties)
	if stop.Err() != nil {
		return m.shutdown(false)
	}
	var broken *brokenError
	if errors.As(err, &broken) {
		m.lost = broken.reason
		ctx, cancel := context.WithTimeout(context.Background(), m.Grace)
		defer cancel()
		_ = m.Server.Stop(ctx)
	}
	return err
}

// followerRole is what the pod is called while it follows: a read replica is not among the standbys, whose Service others use.
func (m *Member) followerRole() string {
	if m.ReadReplica {
		return naming.RoleReadReplica
	}
	return naming.RoleStandby
}

// tellStreaming reports whether WAL comes in.
func (m *Member) tellStreaming(streaming bool) {
	if m.Report.Current().NotStreaming == streaming {
		m.Report.Update(func(r *report.Report) { r.NotStreaming = !streaming })
	}
}

// standbyDuties is what a standby does when something changed. A new password matters from the next connection on, a
// new address at once. What has been replayed of the primary's settings decides which restart comes first.
func (m *Member) standbyDuties(ctx context.Context, _ pg.Admin) error {
	m.slots.look()
	from := m.origin()
	if err := m.Server.WritePassfile(from.as); err != nil {
		return err
	}
	if err := m.Server.ReadFloor(ctx); err != nil {
		return err
	}
	m.Applier.Review()
	secured := m.Server.SecureUpstream(ctx, from.at, from.as)
	return errors.Join(secured, m.Server.Repoint(m.conninfo(from)))
}

func (m *Member) conninfo(from origin) string { return m.Server.Conninfo(from.at, from.as, m.Pod) }

// brokenError says that a standby's data cannot follow the primary any more.
type brokenError struct{ reason string }

func (b *brokenError) Error() string { return b.reason }
