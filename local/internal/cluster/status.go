package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/host"
	"github.com/matriarchdb/matriarch/local/internal/process"
	"github.com/matriarchdb/matriarch/local/internal/supervise"
)

var errNotRunning = errors.New("the cluster is not running, run matriarch-local up")

// Status prints what runs. It is an error if something does not that should.
func (c *Cluster) Status(ctx context.Context, writer io.Writer) error {
	if c.Config.Nodes == 0 {
		return fmt.Errorf("there is no cluster in %s, run matriarch-local up", c.State)
	}
	list, err := c.client.List(ctx)
	if err != nil {
		return fmt.Errorf("the cluster in %s is not running: %w", c.State, err)
	}
	supervisor, _ := c.supervisorRecord()
	down := printStatus(writer, list, supervisor.Identity)
	for i := 1; i <= c.Config.Nodes; i++ {
		if err := c.printNode(ctx, writer, list, i); err != nil {
			return err
		}
	}
	if len(down) > 0 {
		return fmt.Errorf("%s: not running; matriarch-local up repairs that", strings.Join(down, ", "))
	}
	return nil
}

// printStatus writes the table and returns the names of what does not run.
func printStatus(writer io.Writer, list map[string]supervise.Status, supervisor process.Identity) []string {
	table := tabwriter.NewWriter(writer, 0, 4, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "COMPONENT\tPID\tAGE\tRESTARTS\tMEMORY\tSTATE")
	row := func(name string, identity process.Identity, restarts int, state string) {
		fmt.Fprintf(table, "%s\t%d\t%s\t%d\t%s\t%s\n", name, identity.PID, age(identity), restarts, memory(identity.PID), state)
	}
	row(component.Supervisor, supervisor, 0, "running")
	var down []string
	names := make([]string, 0, len(list))
	for name := range list {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		status := list[name]
		if status.Running {
			row(name, status.Identity, status.Restarts, "running")
			continue
		}
		down = append(down, name)
		fmt.Fprintf(table, "%s\t-\t-\t%d\t-\tdown: %s\n", name, status.Restarts, status.LastExit)
	}
	return down
}

func age(identity process.Identity) string {
	started, err := identity.Started()
	if err != nil {
		return "?"
	}
	return time.Since(started).Round(time.Second).String()
}

// memory is a process's resident memory that it shares with nobody.
func memory(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "?"
	}
	for line := range strings.Lines(string(data)) {
		if value, found := strings.CutPrefix(line, "RssAnon:"); found {
			kibibytes, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			if err == nil {
				return fmt.Sprintf("%d MiB", kibibytes/1024)
			}
		}
	}
	return "?"
}

func (c *Cluster) printNode(ctx context.Context, writer io.Writer, list map[string]supervise.Status, i int) error {
	router := list[component.ControlPlane]
	if !router.Running {
		return nil
	}
	cut, err := host.Cuts(ctx, host.Netns(router.Identity.PID), host.NodeLink(i))
	if err != nil {
		return err
	}
	if cut != "" {
		cut = "  cut: " + cut
	}
	fmt.Fprintf(writer, "%s  %s  pods %s  %s%s\n", component.NodeName(i), c.Plan.Node(i), c.Plan.Pods(i), component.Zone(i), cut)
	return nil
}

// CutNode drops a node's packets in a direction; HealNode lets them pass again.
func (c *Cluster) CutNode(ctx context.Context, name, direction string) error {
	return c.changeNode(ctx, name, direction, host.Cut)
}

// HealNode undoes CutNode.
func (c *Cluster) HealNode(ctx context.Context, name, direction string) error {
	return c.changeNode(ctx, name, direction, host.Heal)
}

func (c *Cluster) changeNode(ctx context.Context, name, direction string,
	change func(context.Context, host.Netns, string, string) error) error {
	for i := 1; i <= c.Config.Nodes; i++ {
		if component.NodeName(i) != name {
			continue
		}
		router, found := c.records().Get(component.ControlPlane)
		if !found || !router.Alive() {
			return errNotRunning
		}
		return change(ctx, host.Netns(router.PID), host.NodeLink(i), direction)
	}
	return fmt.Errorf("there is no node %q: the cluster has %s to %s", name, component.NodeName(1), component.NodeName(c.Config.Nodes))
}
