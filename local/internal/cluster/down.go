package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/host"
	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/process"
)

const (
	// stopGrace is what a component gets to end by itself. It is short: nothing
	// is lost by a kill, but etcd and the API server can note where they stand.
	stopGrace = 5 * time.Second
	// podGrace is what the containers get, all at once.
	podGrace = 10 * time.Second
)

// Down stops everything and puts the machine back as it was. With purge the
// state goes too; without, the next Up finds its objects and volumes again. It
// needs no running supervisor, and can be repeated when it was interrupted.
func (c *Cluster) Down(ctx context.Context, purge bool) error {
	if _, err := os.Stat(string(c.State)); errors.Is(err, os.ErrNotExist) && !c.cgroups.Exist() {
		c.progress.say("there is no cluster in %s", c.State)
		return nil
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	steps := []struct {
		name string
		do   func(ctx context.Context) error
	}{
		{"kubelets", func(context.Context) error { return c.stopRecorded("kubelet-") }},
		{"pods", func(context.Context) error { return c.terminatePods(purge) }},
		{"components", func(context.Context) error { return c.stopRecorded("") }},
		{"processes", func(context.Context) error { return c.cgroups.Kill("", killPatience) }},
		{"network", c.removeNetwork},
		{"cgroups", func(context.Context) error { return c.cgroups.Remove("", killPatience) }},
		{"volumes", func(context.Context) error { return host.AwaitLoops(c.State.Volumes(), killPatience) }},
		{"machine settings", func(context.Context) error { return c.restore() }},
		{"state", func(context.Context) error { return c.removeState(purge) }},
	}
	if err := c.stopSupervisor(); err != nil {
		return err
	}
	for _, step := range steps {
		begin := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		c.progress.done(step.name, "gone", begin)
	}
	if !purge {
		c.progress.say("the state stays in %s; matriarch-local down --purge removes it", c.State)
	}
	return nil
}

func (c *Cluster) records() process.Records { return process.Records(c.State.Records()) }

// stopSupervisor goes first, or it would start again what is stopped.
func (c *Cluster) stopSupervisor() error {
	record, running := c.supervisorRecord()
	if !running {
		return nil
	}
	return record.Stop(supervisorGrace)
}

// stopRecorded stops the processes whose names begin with a prefix, the last
// started first. Holders stay until nothing is in their namespaces any more.
func (c *Cluster) stopRecorded(prefix string) error {
	records, err := c.records().List()
	if err != nil {
		return err
	}
	slices.SortFunc(records, func(a, b process.Record) int {
		return int(int64(b.StartTime) - int64(a.StartTime))
	})
	for _, record := range records {
		if record.Spec.Keep || !strings.HasPrefix(record.Spec.Name, prefix) {
			continue
		}
		if err := record.Stop(stopGrace); err != nil {
			return err
		}
	}
	return nil
}

// terminatePods lets containers end by themselves if what they write is kept.
func (c *Cluster) terminatePods(purge bool) error {
	if purge {
		return nil
	}
	for i := 1; i <= c.Config.Nodes; i++ {
		if err := c.cgroups.Terminate(component.NodePods(component.NodeName(i)), podGrace); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) removeNetwork(ctx context.Context) error {
	return errors.Join(host.Disconnect(ctx, c.Plan), host.Unmasquerade(ctx, c.Plan))
}

// restore puts kernel settings and folders back, unless another cluster of this
// kind needs them: then the last one does that.
func (c *Cluster) restore() error {
	return host.Restore(layout.MachineChanges, func() (bool, error) {
		others, err := c.cgroups.Siblings(cgroupPrefix)
		if len(others) > 0 {
			c.progress.say("kernel settings stay for another cluster")
		}
		return len(others) > 0, err
	})
}

// removeState removes what is true only of a running cluster, or everything.
// It refuses to delete through a mount.
func (c *Cluster) removeState(purge bool) error {
	mounts, err := host.MountsBelow(string(c.State))
	if err != nil {
		return err
	}
	if len(mounts) > 0 {
		return fmt.Errorf("%s are still mounted: unmount them, then run matriarch-local down again", strings.Join(mounts, ", "))
	}
	if !purge {
		return os.RemoveAll(c.State.Run())
	}
	// The configuration goes last but the lock: without it an interrupted purge
	// could not be repeated with the right addresses.
	entries, err := os.ReadDir(string(c.State))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(string(c.State), entry.Name())
		if path == c.State.Cluster() || path == c.State.Lock() {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return os.RemoveAll(string(c.State))
}
