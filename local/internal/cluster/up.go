package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/host"
	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/network"
)

// Up makes the cluster run with at least this many nodes; 0 means as many as it
// has, or one. It repairs what is broken and leaves alone what is not.
func (c *Cluster) Up(ctx context.Context, nodes int) error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.resize(nodes); err != nil {
		return err
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.ensureSupervisor(ctx); err != nil {
		return err
	}
	if err := c.ensureNamespaces(ctx); err != nil {
		return err
	}
	if err := c.startAll(ctx); err != nil {
		return err
	}
	c.progress.total("cluster ready")
	return nil
}

// resize decides how many nodes there are to be. Nodes are only added: taking
// one away would take its volumes with it.
func (c *Cluster) resize(nodes int) error {
	switch {
	case nodes == 0:
		c.Config.Nodes = max(c.Config.Nodes, 1)
	case nodes < 0 || nodes > network.MaxNodes:
		return fmt.Errorf("%d nodes: want 1 to %d", nodes, network.MaxNodes)
	case nodes < c.Config.Nodes:
		return fmt.Errorf("the cluster has %d nodes, and nodes are only added, not removed: run matriarch-local down --purge first", c.Config.Nodes)
	default:
		c.Config.Nodes = nodes
	}
	return nil
}

// prepare writes the files and readies the machine, before anything runs.
func (c *Cluster) prepare(ctx context.Context) error {
	if err := host.CheckRoutes(ctx, c.Plan); err != nil {
		return err
	}
	if err := c.writeFiles(); err != nil {
		return err
	}
	for i := 1; i <= c.Config.Nodes; i++ {
		node := component.NodeName(i)
		for _, bind := range c.State.Node(node).Binds() {
			if err := os.MkdirAll(bind.Source, 0o755); err != nil {
				return fmt.Errorf("make the folders of %s: %w", node, err)
			}
		}
	}
	// Before the machine is changed: its presence tells other clusters not to put
	// the changes back.
	if err := c.cgroups.Track(component.Supervisor); err != nil {
		return err
	}
	if err := host.Adjust(layout.MachineChanges, c.mountPoints()); err != nil {
		return err
	}
	return host.Masquerade(ctx, c.Plan)
}

// startAll starts the components in the order of their needs: first what the
// API server needs, then it, then all others at once.
func (c *Cluster) startAll(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	serving := make(chan struct{})
	group.Go(func() error {
		if err := c.run(ctx, c.Etcd(), c.answers(c.url("https", 2379, "/health"), "etcd-ca", "etcd-client")); err != nil {
			return err
		}
		if err := c.run(ctx, c.APIServer(), c.answers(c.url("https", 6443, "/readyz"), "ca", "admin")); err != nil {
			return err
		}
		close(serving)
		return nil
	})
	for i := 1; i <= c.Config.Nodes; i++ {
		group.Go(func() error { return c.startNode(ctx, i, serving) })
	}
	group.Go(func() error {
		if !wait(ctx, serving) {
			return ctx.Err()
		}
		return c.startControllers(ctx)
	})
	return group.Wait()
}

// wait returns true when the channel is closed, false when the context ends first.
func wait(ctx context.Context, closed <-chan struct{}) bool {
	select {
	case <-closed:
		return true
	case <-ctx.Done():
		return false
	}
}

// startControllers starts what needs nothing but the API server.
func (c *Cluster) startControllers(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return c.run(ctx, c.ControllerManager(), both(
			c.answers(c.url("https", 10257, "/healthz"), "ca", "admin"), c.defaultServiceAccount))
	})
	group.Go(func() error {
		return c.run(ctx, c.Scheduler(), c.answers(c.url("https", 10259, "/healthz"), "ca", "admin"))
	})
	group.Go(func() error {
		return c.run(ctx, c.RouterProxy(), c.healthy(c.url("http", 10256, "/healthz")))
	})
	group.Go(func() error {
		if err := c.applyManifests(ctx); err != nil {
			return err
		}
		return c.startAddons(ctx)
	})
	return group.Wait()
}

// startAddons starts what needs the rights and types that the manifests bring.
func (c *Cluster) startAddons(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.run(ctx, c.DNS(), c.healthy(c.url("http", 8181, "/ready"))) })
	group.Go(func() error {
		return c.run(ctx, c.CertManager(), c.healthy(c.url("http", 9403, "/healthz")))
	})
	group.Go(func() error {
		for _, spec := range c.Volumes() {
			if err := c.run(ctx, spec, c.alive(spec.Name)); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// url is an address of the control plane.
func (c *Cluster) url(scheme string, port int, path string) string {
	return fmt.Sprintf("%s://%s:%d%s", scheme, c.Plan.ControlPlane(), port, path)
}

// healthy is the check that a plain URL answers with success.
func (c *Cluster) healthy(url string) check {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := direct.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("get %s: %s", url, response.Status)
		}
		return nil
	}
}

// direct is a client that uses no proxy.
var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func both(first, second check) check {
	return func(ctx context.Context) error {
		if err := first(ctx); err != nil {
			return err
		}
		return second(ctx)
	}
}

// defaultServiceAccount is there once the controller manager works: without it
// no pod can be created.
func (c *Cluster) defaultServiceAccount(ctx context.Context) error {
	return c.object(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
}
