package member

import (
	"context"
	"errors"
	"log/slog"

	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// clone copies the primary beside the place of the data directory and puts the copy into place.
func (m *Member) clone(stop context.Context) error {
	admin, _ := m.World.Admin()
	from := m.upstream()
	slog.Info("copying the primary", "from", from.Address())
	if err := m.Server.Clone(stop, from, admin); err != nil {
		return err
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
// then, except for a person who wants to look.
func (m *Member) reclone(stop context.Context) error {
	admin, _ := m.World.Admin()
	room, err := m.Server.RoomForClone(stop, m.upstream(), admin)
	if err != nil {
		return err // the primary does not answer: not the moment to remove anything
	}
	if !room {
		slog.Warn("no room for a second copy: removing the data that cannot follow the primary any more")
		if err := m.Volume.Drop(); err != nil {
			return err
		}
	}
	return m.clone(stop)
}

// upstream is the primary's address: the Lease's holder, or the fixed primary while nobody holds it.
func (m *Member) upstream() pg.Upstream { return m.Upstream(m.World.Lease().Holder) }

// follow serves as a standby until stop ends, the server dies, or its data turns out to be unable to follow. When it
// returns no PostgreSQL runs.
func (m *Member) follow(stop context.Context) error {
	admin, _ := m.World.Admin()
	if err := m.Volume.Tidy(); err != nil {
		return err
	}
	if err := m.Server.WritePassfile(admin); err != nil {
		return err
	}
	from := m.upstream()
	m.Server.Use(m.Volume.Data(), pg.Own{Name: m.Pod, PrimaryConninfo: m.Server.Conninfo(from, admin, m.Pod)})
	m.Server.As(admin.User)
	defer m.Server.StopNow() // of no effect after an orderly end
	if err := m.Applier.Start(stop, m.Server.Start); err != nil {
		return err
	}
	m.Label(naming.RoleStandby)

	watch := &streamWatch{server: m.Server, from: from}
	m.Probes.SetCheck(watch.ready)
	defer m.Probes.SetCheck(nil)
	lost := make(chan error, 1)
	watching, end := context.WithCancel(stop)
	defer end()
	go func() { lost <- watch.untilLost(watching) }()

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

// standbyDuties is what a standby does when something changed. A new password matters from the next connection on.
func (m *Member) standbyDuties(_ context.Context, admin pg.Admin) error {
	return m.Server.WritePassfile(admin)
}

// brokenError says that a standby's data cannot follow the primary any more.
type brokenError struct{ reason string }

func (b *brokenError) Error() string { return b.reason }
