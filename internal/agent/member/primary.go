package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// runPrimary serves as the primary until stop ends, the server dies, or the Lease is lost. When it returns no
// PostgreSQL runs.
func (m *Member) runPrimary(stop context.Context) error {
	admin, _ := m.World.Admin()
	if err := m.acquire(stop); err != nil {
		return err
	}
	lost, release := m.hold(stop)
	defer release()
	if err := m.Volume.Tidy(); err != nil {
		return err
	}
	m.Server.Use(m.Volume.Data(), pg.Own{Name: m.Pod})
	m.Server.As(admin.User)
	defer m.Server.StopNow() // of no effect after an orderly end
	if err := m.Applier.Start(stop, m.Server.Start); err != nil {
		return err
	}
	defer m.withSlots(stop)()
	m.Label(naming.RolePrimary)
	m.Probes.SetCheck(m.Server.AcceptsSQL)
	defer m.Probes.SetCheck(nil)
	err := m.serve(stop, lost, m.primaryDuties)
	switch {
	case stop.Err() != nil:
		return m.shutdown(true)
	case errors.Is(err, lease.ErrLost):
		m.Server.StopNow() // open sessions included, before the new primary acknowledges anything
		return err
	default:
		return err
	}
}

// acquire takes the Lease and records in it which cluster this is, before the first client is served. While the API
// server is away a member goes on without: the primary is fixed, and nobody else can have taken over. With failover
// this is where it must not (DESIGN §6).
func (m *Member) acquire(ctx context.Context) error {
	data, err := m.Volume.Look(ctx, m.Sup, m.Server.Programs, m.Volume.Data())
	if err != nil {
		return err
	}
	err = m.Lease.Acquire(ctx, data.SystemID)
	var answer apierrors.APIStatus
	var mismatch *lease.MismatchError
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && !errors.As(err, &answer) && !errors.As(err, &mismatch) && m.World.Lease().Recorded(data.SystemID):
		slog.Warn("going on without the leader Lease: the API server is away", "error", err)
		return nil
	default:
		return fmt.Errorf("become primary: %w", err)
	}
}

// hold renews the Lease in the background; lost says when it is over. The function returned ends that and gives the
// Lease back: to be called when the server is down.
func (m *Member) hold(stop context.Context) (lost <-chan error, release func()) {
	keeping, end := context.WithCancel(context.WithoutCancel(stop))
	over := make(chan error, 1)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		over <- m.Lease.Keep(keeping)
	}()
	return over, func() {
		end()
		<-kept
		ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
		defer cancel()
		m.Lease.Release(ctx)
	}
}

// releaseTimeout bounds the attempt to give the Lease back; it is part of reserve.
const releaseTimeout = 4 * time.Second

// primaryDuties is what a primary does when something changed.
func (m *Member) primaryDuties(ctx context.Context, admin pg.Admin) error {
	m.slots.look()
	return m.Server.EnsurePassword(ctx, admin)
}

// serve keeps the running server's files current and does the role's duties after each change. It returns when stop
// ends, when the server is dead, or with what lost says.
func (m *Member) serve(stop context.Context, lost <-chan error, duties func(context.Context, pg.Admin) error) error {
	retry := time.NewTimer(0)
	defer retry.Stop()
	serving := false
	for {
		select {
		case <-stop.Done():
			return nil
		case err := <-lost:
			if err != nil {
				return err
			}
			lost = nil
		case <-m.Server.Exited():
			return fmt.Errorf("the server ended by itself: %s", m.Server.LastWords())
		case <-m.World.Changed():
		case <-retry.C:
		}
		admin, _ := m.World.Admin()
		err := errors.Join(m.Applier.Sync(stop), duties(stop, admin))
		switch {
		case err != nil && stop.Err() == nil:
			slog.Warn("cannot bring a change into the server, will try again", "error", err)
			retry.Reset(2 * time.Second)
		case !serving:
			serving = true
			m.Health.SetReady(true, "")
			slog.Info("the server serves", "version", m.Server.Version)
		}
		if err == nil && len(m.Report.Current().AfterPrimary) > 0 {
			retry.Reset(time.Second) // nothing wakes us when the primary's new settings have been replayed
		}
	}
}

// reserve is kept of the grace period for the last report and the exit.
const reserve = 5 * time.Second

// shutdown ends the server in order: not ready at once, a checkpoint while sessions are still served so that the
// shutdown's own is short, then a fast shutdown.
func (m *Member) shutdown(primary bool) error {
	m.Health.Drain("the pod is ending")
	ctx, cancel := context.WithTimeout(context.Background(), max(m.Grace-reserve, time.Second))
	defer cancel()
	if primary {
		half, end := context.WithTimeout(ctx, (m.Grace-reserve)/2)
		if err := m.Server.Checkpoint(half); err != nil {
			slog.Warn("no checkpoint before the shutdown", "error", err)
		}
		end()
	}
	sessions, unknown := m.Server.Sessions(ctx)
	slog.Info("shutting the server down", "sessions", sessions)
	if err := m.Server.Stop(ctx); err != nil {
		return err
	}
	slog.Info("the server has ended")
	if unknown != nil {
		slog.Warn("cannot tell how many sessions were cut", "error", unknown)
		return nil
	}
	m.Report.Update(func(r *report.Report) { r.SessionsCut = &sessions })
	return nil
}
