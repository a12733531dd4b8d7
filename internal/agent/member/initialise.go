package member

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/pg"
)

// initialise makes a new cluster beside its place, runs the init scripts in it while nobody else can reach it, and puts
// it into place. A kill at any point before the staged directory is complete starts over with a clean one; the
// cluster's identity is recorded in the Lease before the first client is served (runPrimary).
func (m *Member) initialise(stop context.Context) error {
	if err := m.equip(); err != nil {
		return err
	}
	admin, _ := m.World.Admin()
	slog.Info("making a new cluster")
	if err := m.Server.InitDB(stop, admin); err != nil {
		return err
	}
	scripts, err := pg.Scripts(m.InitScripts)
	if err != nil {
		return &scriptError{err}
	}
	if m.InitScripts != "" && len(scripts) == 0 {
		slog.Warn("there are no init scripts", "in", m.InitScripts)
	}
	if len(scripts) > 0 {
		if err := m.runScripts(stop, scripts, admin); err != nil {
			return err
		}
	}
	if err := m.Volume.Complete(); err != nil {
		return err
	}
	return m.Volume.Adopt()
}

func (m *Member) runScripts(stop context.Context, scripts []string, admin pg.Admin) error {
	m.Server.Use(m.Volume.Staged(), pg.Own{Name: m.Pod})
	m.Server.As(admin.User)
	defer m.Server.Use(m.Volume.Data(), pg.Own{Name: m.Pod})
	if err := m.Applier.Start(stop, m.Server.StartPrivate); err != nil {
		return err
	}
	defer m.Server.StopNow() // of no effect after a good end
	for _, script := range scripts {
		slog.Info("running an init script", "script", filepath.Base(script))
		if err := m.Server.RunScript(stop, script, admin); err != nil {
			return &scriptError{err}
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(stop), time.Minute)
	defer cancel()
	if err := m.Server.Stop(ctx); err != nil {
		return fmt.Errorf("initialise the cluster: %w", err)
	}
	return nil
}

// scriptPause is the pause before a failed initialisation is started over.
const scriptPause = 10 * time.Second

// scriptError says that an init script failed.
type scriptError struct{ err error }

func (e *scriptError) Error() string {
	return fmt.Sprintf("initialise the cluster: %v; it will be started over with an empty cluster", e.err)
}

func (e *scriptError) Unwrap() error { return e.err }
