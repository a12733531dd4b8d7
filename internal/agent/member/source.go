package member

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/decide"
	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Source is a server elsewhere that the cluster follows.
type Source struct {
	// Name is that of its AppBinding.
	Name string
	At   pg.Upstream
	// As is who may replicate there.
	As pg.Admin
}

// sourceName is the file in the scratch folder that keeps the source for a restart of the container: the Secret goes as
// soon as spec.remoteReplica is removed, which must change nothing before the pod is replaced.
const sourceName = "source"

// sourceOf reads the Secret that the operator made; false if something is missing.
func sourceOf(secret *corev1.Secret) (Source, bool) {
	if secret == nil {
		return Source{}, false
	}
	text := func(key string) string { return string(secret.Data[key]) }
	s := Source{
		Name: text(naming.SourceName), At: pg.Upstream{Host: text(naming.SourceHost), Port: text(naming.SourcePort)},
		As: pg.Admin{User: text(naming.AuthUsername), Password: text(naming.AuthPassword)},
	}
	return s, s.Name != "" && s.At.Host != "" && s.At.Port != "" && s.As.User != "" && s.As.Password != ""
}

func (w *World) sawSource(secret *corev1.Secret) {
	source, complete := sourceOf(secret)
	if !complete {
		return // what is known stays known
	}
	if text, err := json.Marshal(source); err == nil {
		_ = apply.WriteFile(filepath.Join(w.scratch, sourceName), text, 0o600)
	}
	w.mu.Lock()
	w.source = &source
	w.mu.Unlock()
	w.Wake()
}

// recallSource takes the source from before a restart of the container.
func (w *World) recallSource() {
	var source Source
	text, err := os.ReadFile(filepath.Join(w.scratch, sourceName))
	if w.names.Source != "" && err == nil && json.Unmarshal(text, &source) == nil {
		w.source = &source
	}
}

// Source returns the server elsewhere that the cluster follows: whether there shall be one, and which, if known.
func (w *World) Source() (Source, decide.Source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	about := decide.Source{Wanted: w.names.Source != "", Known: w.source != nil}
	if w.source == nil {
		return Source{}, about
	}
	return *w.source, about
}

// origin is what this member streams from, and as whom.
type origin struct {
	at pg.Upstream
	as pg.Admin
	// source names the server elsewhere; empty for a member of the same cluster.
	source string
}

// origin is the source for the first member of a cluster that follows one; for all others it is the primary, or the
// first member in its place: the cluster then has one connection to the source, and follows as a whole when the first
// member is promoted.
func (m *Member) origin() origin {
	if source, about := m.World.Source(); about.Known && !m.ReadReplica && m.Ordinal == decide.First {
		return origin{at: foreign(source.At), as: source.As, source: source.Name}
	}
	admin, _ := m.World.Admin()
	return origin{at: m.Upstream(m.World.Lease().Holder), as: admin}
}

// foreign marks an address as one outside of the cluster: its certificates are not ours to verify.
func foreign(at pg.Upstream) pg.Upstream {
	at.Foreign = true
	return at
}

// checkSource refuses a source that this server cannot follow, before anything is copied.
func (m *Member) checkSource(ctx context.Context, from origin) error {
	if from.source == "" {
		return nil
	}
	who, err := m.Server.Identify(ctx, from.at, from.as)
	if err != nil {
		return fmt.Errorf("copy the source %s: %w", from.source, err)
	}
	if who.Major != m.Server.Major {
		return fmt.Errorf("the source %s at %s is PostgreSQL %s and this image has %s: a replica needs the same major version",
			from.source, from.at.Address(), who.Version, m.Server.Version)
	}
	if recorded := m.World.Lease().SystemID; recorded != "" && recorded != who.SystemID {
		return fmt.Errorf("the source %s at %s is system %s, and this replica is of system %s: another server answers there than before",
			from.source, from.at.Address(), who.SystemID, recorded)
	}
	return nil
}

// followSource is follow for the member that streams from the source. It holds the Lease, by which the others find it;
// what the Lease says of the source keeps everybody from taking it for a primary.
func (m *Member) followSource(stop context.Context) error {
	from := m.origin()
	m.Lease.Source = from.source
	if err := m.acquire(stop); err != nil {
		return err
	}
	lost, release := m.hold(stop)
	defer release()
	m.Report.Update(func(r *report.Report) { r.Source = from.source })
	return m.followFrom(stop, from, lost)
}

// promote makes the data, which followed a source, that of a primary: on a new timeline, with everything that was
// received. The server is private meanwhile and down afterwards: who may be primary is decided as always. A kill before
// the promotion is complete leaves a standby, which is promoted again.
func (m *Member) promote(stop context.Context, reason string) error {
	admin, _ := m.World.Admin()
	slog.Warn("promoting", "reason", reason)
	if err := m.Volume.Tidy(); err != nil {
		return err
	}
	m.Server.Use(m.Volume.Data(), pg.Own{Name: m.Pod})
	m.Server.As(admin.User)
	defer m.Server.StopNow() // of no effect after a good end
	if err := m.Applier.Start(stop, m.Server.StartPrivate); err != nil {
		return err
	}
	if err := m.Server.Promote(stop); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(stop), time.Minute)
	defer cancel()
	return m.Server.Stop(ctx)
}
