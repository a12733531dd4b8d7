package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/host"
)

// killPatience is how long killed processes may take to be gone.
const killPatience = 20 * time.Second

// ensureNamespaces makes the control plane's and every node's namespaces and
// the links between them.
func (c *Cluster) ensureNamespaces(ctx context.Context) error {
	begin := time.Now()
	router, routerFresh, err := c.ensureHolder(ctx, c.ControlPlaneHolder(), component.ControlPlane, nil)
	if err != nil {
		return err
	}
	wiring := host.Wiring{Plan: c.Plan, Router: router}
	if err := wiring.ConnectControlPlane(ctx, routerFresh); err != nil {
		return err
	}
	if err := host.HealAll(ctx, router); err != nil {
		return err
	}
	c.progress.done("network "+component.ControlPlane, outcome(routerFresh), begin)
	for i := 1; i <= c.Config.Nodes; i++ {
		begin := time.Now()
		name := component.NodeName(i)
		node, fresh, err := c.ensureHolder(ctx, c.NodeHolder(i), component.NodeCgroup(name), c.State.Node(name).Volatile())
		if err != nil {
			return err
		}
		if err := c.cgroups.Provide(component.NodePods(name)); err != nil {
			return err
		}
		if err := wiring.ConnectNode(ctx, i, node, routerFresh || fresh); err != nil {
			return err
		}
		c.progress.done("network "+name, outcome(fresh), begin)
	}
	return nil
}

func outcome(fresh bool) string {
	if fresh {
		return "made"
	}
	return "running"
}

// ensureHolder makes sure that the process runs which keeps some namespaces.
// When it does not, whatever is left in them goes first: a node whose
// namespaces are made anew is a node that was switched off and on.
func (c *Cluster) ensureHolder(ctx context.Context, spec component.Spec, cgroup string, volatile []string) (host.Netns, bool, error) {
	list, err := c.client.List(ctx)
	if err != nil {
		return 0, false, err
	}
	if have := list[spec.Name]; have.Running && have.Digest == spec.Digest() && have.Identity.Alive() && settled(have.Identity.PID) {
		return host.Netns(have.Identity.PID), false, nil
	}
	if err := c.stopWithin(ctx, spec.Name); err != nil {
		return 0, false, err
	}
	if err := c.cgroups.Kill(cgroup, killPatience); err != nil {
		return 0, false, err
	}
	// A kubelet takes seconds over each group of a container that is gone.
	if err := c.cgroups.Remove(cgroup, killPatience); err != nil {
		return 0, false, err
	}
	for _, dir := range volatile {
		if err := empty(dir); err != nil {
			return 0, false, fmt.Errorf("clear away an earlier run of %s: %w", spec.Name, err)
		}
	}
	if err := c.cgroups.Track(spec.Cgroup); err != nil {
		return 0, false, err
	}
	status, err := c.client.Put(ctx, spec)
	if err != nil {
		return 0, false, c.withLog(spec.Name, err)
	}
	err = c.await(ctx, spec.Name, func(ctx context.Context) error {
		if !settled(status.Identity.PID) {
			return fmt.Errorf("its namespaces are not set up: %w", c.alive(spec.Name)(ctx))
		}
		return nil
	})
	return host.Netns(status.Identity.PID), true, err
}

// settled says whether a holder has set its namespaces up: it has then become
// another program.
func settled(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.TrimSpace(string(data)) == component.HolderProgram
}

// empty removes what is in a folder, but not the folder: it is a mount's source.
func empty(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// stopWithin stops the components that live in a holder's namespaces, and the
// holder, so that the supervisor does not start them again.
func (c *Cluster) stopWithin(ctx context.Context, holder string) error {
	records, err := c.records().List()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, record := range records {
		if record.Spec.Within == holder || record.Spec.Name == holder {
			group.Go(func() error { return c.client.Stop(ctx, record.Spec.Name) })
		}
	}
	return group.Wait()
}
