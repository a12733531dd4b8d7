package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/component"
)

// startNode starts a node's components; those that need the API server wait
// until it serves.
func (c *Cluster) startNode(ctx context.Context, i int, serving <-chan struct{}) error {
	node := component.NodeName(i)
	if err := c.run(ctx, c.Containerd(i), c.containerdServes(node)); err != nil {
		return err
	}
	if err := c.ensurePauseImage(ctx, node); err != nil {
		return c.withLog(component.OfNode("containerd", node), err)
	}
	if err := c.copyImages(ctx, i); err != nil {
		return err
	}
	if !wait(ctx, serving) {
		return ctx.Err()
	}
	kubelet := c.Kubelet(i)
	if err := c.run(ctx, kubelet, c.nodeReady(node)); err != nil {
		return err
	}
	if err := c.run(ctx, c.NodeVolumes(i), c.driverRegistered(node)); err != nil {
		return err
	}
	proxy := fmt.Sprintf("http://%s:10256/healthz", c.Plan.Node(i))
	return c.run(ctx, c.NodeProxy(i), c.healthy(proxy))
}

func (c *Cluster) containerdServes(node string) check {
	return func(ctx context.Context) error {
		connection, err := new(net.Dialer).DialContext(ctx, "unix", c.State.Node(node).Containerd())
		if err != nil {
			return err
		}
		connection.Close()
		_, err = c.images(ctx, node)
		return err
	}
}

// nodeObject is what is read of a Node.
type nodeObject struct {
	Spec struct {
		Taints []struct{ Key string }
	}
	Status struct {
		Conditions []struct {
			Type, Status, Message string
			LastHeartbeatTime     time.Time
		}
	}
}

// nodeReady checks that the kubelet that runs now, not an earlier one, has
// reported the node ready, and that pods may be scheduled there.
func (c *Cluster) nodeReady(node string) check {
	return func(ctx context.Context) error {
		list, err := c.client.List(ctx)
		if err != nil {
			return err
		}
		kubelet := list[component.OfNode("kubelet", node)]
		if !kubelet.Running {
			return fmt.Errorf("the kubelet does not run: %s", kubelet.LastExit)
		}
		started, err := kubelet.Identity.Started()
		if err != nil {
			return err
		}
		var object nodeObject
		if err := c.object(ctx, "/api/v1/nodes/"+node, &object); err != nil {
			return err
		}
		return object.ready(started)
	}
}

// ready says what keeps a node, whose kubelet was started at a time, from being
// ready. Times in objects have whole seconds.
func (n nodeObject) ready(started time.Time) error {
	for _, taint := range n.Spec.Taints {
		if taint.Key == "node.kubernetes.io/not-ready" || taint.Key == "node.kubernetes.io/unreachable" {
			return fmt.Errorf("the node has the taint %s", taint.Key)
		}
	}
	for _, condition := range n.Status.Conditions {
		if condition.Type != "Ready" {
			continue
		}
		if condition.Status != "True" {
			return fmt.Errorf("the node is not ready: %s", condition.Message)
		}
		if condition.LastHeartbeatTime.Before(started.Truncate(time.Second)) {
			return errors.New("the kubelet has not reported since its start")
		}
		return nil
	}
	return errors.New("the node has no condition Ready")
}

// driverRegistered checks that the kubelet knows the volume driver that runs
// now: the object CSINode may still speak of an earlier one.
func (c *Cluster) driverRegistered(node string) check {
	return func(ctx context.Context) error {
		list, err := c.client.List(ctx)
		if err != nil {
			return err
		}
		started, err := list[component.OfNode("csi", node)].Identity.Started()
		if err != nil {
			return err
		}
		info, err := os.Stat(c.State.Node(node).VolumeDriver())
		if err != nil || info.ModTime().Before(started.Add(-time.Second)) {
			return errors.New("the kubelet has not registered the volume driver")
		}
		return nil
	}
}
