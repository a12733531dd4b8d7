package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/decide"
	"github.com/matriarchdb/matriarch/internal/agent/health"
	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// Member is one member and everything that it works with.
type Member struct {
	// Pod is the member's name, Ordinal its number.
	Pod     string
	Ordinal int
	// ReadReplica says that the member only ever follows.
	ReadReplica bool

	Server  *pg.Server
	Volume  pg.Volume
	Sup     *supervise.Supervisor
	Applier *apply.Applier
	Report  *apply.Reporter
	Health  *health.State
	Probes  *health.Probes
	Lease   *lease.Keeper
	World   *World
	// Upstream says how a pod is reached as the primary.
	Upstream func(pod string) pg.Upstream
	// Label writes the role on the pod.
	Label func(role string)
	// InitScripts is the file or folder of the scripts for a new cluster; empty is none.
	InitScripts string
	// Grace is the time between SIGTERM and SIGKILL.
	Grace time.Duration

	slots   slotKeeper
	lost    string // why the data cannot follow any more
	waiting string // what was waited for at the last turn
}

const (
	retryFirst = 200 * time.Millisecond
	retryMax   = 5 * time.Second
)

// Run acts until stop ends.
func (m *Member) Run(stop context.Context) error {
	lock, err := m.Volume.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	m.Report.Update(func(r *report.Report) { r.ServerVersion = m.Server.Version })
	backoff := supervise.Backoff{First: retryFirst, Max: retryMax}
	last := decide.Action{}
	for stop.Err() == nil {
		began := time.Now()
		action, err := m.next(stop)
		if err == nil {
			if action != last {
				slog.Info("next", "action", action.Do, "reason", action.Reason)
				last = action
				backoff.Reset()
			}
			err = m.do(stop, action)
		}
		if stop.Err() != nil {
			break
		}
		if err == nil {
			backoff.Reset()
			continue
		}
		m.tell(err)
		pause := backoff.After(time.Since(began))
		var failed *scriptError
		if errors.As(err, &failed) {
			pause = scriptPause // it fails again until somebody changes it
		}
		m.pause(stop, pause)
	}
	m.Health.Drain("the pod is ending")
	return nil
}

// waiting is the error of an action that has to wait; it is no failure.
type waiting struct {
	reason  string
	problem bool
}

func (w *waiting) Error() string { return w.reason }

// tell reports why the member does not serve. What is usual for a moment, such as a Secret that has not been read yet,
// is told only when it lasts.
func (m *Member) tell(err error) {
	m.Health.SetReady(false, err.Error())
	var wait *waiting
	switch {
	case errors.As(err, &wait), errors.Is(err, apply.ErrNothingYet):
		again := m.waiting == err.Error()
		m.waiting = err.Error()
		if !again && (wait == nil || !wait.problem) {
			return
		}
	default:
		m.waiting = ""
		slog.Warn("the server does not serve", "error", err)
	}
	m.Report.Problem(err.Error())
}

// pause waits until something changes or, at the latest, so long.
func (m *Member) pause(stop context.Context, longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-stop.Done():
	case <-m.World.Changed():
	case <-timer.C:
	}
}

// next observes and decides.
func (m *Member) next(ctx context.Context) (decide.Action, error) {
	data, err := m.Volume.Look(ctx, m.Sup, m.Server.Programs, m.Volume.Data())
	if err != nil {
		return decide.Action{}, err
	}
	disk := decide.Disk{Data: decide.Unknown, SystemID: data.SystemID, Standby: data.Standby, Former: m.Volume.HasFormer(), Lost: m.lost}
	switch {
	case data.Empty:
		disk.Data = decide.Empty
	case data.Cluster:
		disk.Data = decide.Cluster
	}
	if m.Volume.StagedComplete() {
		staged, err := m.Volume.Look(ctx, m.Sup, m.Server.Programs, m.Volume.Staged())
		if err != nil {
			return decide.Action{}, err
		}
		disk.Staged, disk.StagedSystemID = staged.Cluster, staged.SystemID
	}
	_, known := m.World.Admin()
	_, source := m.World.Source()
	return decide.Next(decide.Observed{
		Ordinal: m.Ordinal, ReadReplica: m.ReadReplica, Disk: disk, Lease: m.World.Lease(), Admin: known, Source: source,
	}), nil
}

// do carries an action out.
func (m *Member) do(stop context.Context, action decide.Action) error {
	switch action.Do {
	case decide.Wait:
		return &waiting{reason: action.Reason, problem: action.Problem}
	case decide.Initialise:
		return m.initialise(stop)
	case decide.AdoptStaged:
		return m.Volume.Adopt()
	case decide.RestoreFormer:
		return m.Volume.RestoreFormer()
	case decide.RunPrimary:
		return m.runPrimary(stop)
	case decide.Clone:
		return m.clone(stop)
	case decide.Reclone:
		return m.reclone(stop)
	case decide.Follow:
		return m.follow(stop)
	case decide.FollowSource:
		return m.followSource(stop)
	case decide.Promote:
		return m.promote(stop, action.Reason)
	default:
		return fmt.Errorf("no way to %s yet", action.Do)
	}
}
