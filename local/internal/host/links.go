package host

import (
	"context"
	"fmt"
	"strings"

	"github.com/matriarchdb/matriarch/local/internal/network"
)

// uplink is the control plane's end of the link to the machine, and nodeLink a
// node's end of its link to the control plane.
const (
	uplink   = "uplink"
	nodeLink = "eth0"
)

// The control plane's namespace is the cluster's router: the machine hangs off
// it by one link, every node by another. All links are routed, none bridged, so
// that traffic between two nodes passes the router's firewall, where a node can
// be cut off.

// machineScript is what "ip -batch" does on the machine.
func machineScript(p network.Plan) string {
	return lines(
		"address replace %[1]s/32 dev %[2]s", "link set %[2]s up",
		"route replace %[3]s via %[4]s dev %[2]s onlink src %[1]s",
	)(p.Host(), p.Link(), p.Subnet(), p.ControlPlane())
}

// routerScript is what it does in the control plane's namespace. What belongs to
// no node is dropped there instead of going back and forth to the machine. The
// Services' range needs a route all the same: the API server's own connections
// are routed before they are translated.
func routerScript(p network.Plan) string {
	return lines(
		"link set lo up", "address replace %[1]s/32 dev lo", "link set %[2]s up",
		"route replace %[3]s/32 dev %[2]s src %[1]s",
		"route replace default via %[3]s dev %[2]s src %[1]s",
		"route replace blackhole %[4]s", "route replace %[5]s dev %[2]s src %[1]s",
	)(p.ControlPlane(), uplink, p.Host(), p.Subnet(), p.Services())
}

// nodeRouteScript is what it does there for one node.
func nodeRouteScript(p network.Plan, i int, name string) string {
	return lines(
		"link set %[1]s up", "route replace %[2]s/32 dev %[1]s src %[4]s",
		"route replace %[3]s via %[2]s dev %[1]s onlink",
	)(name, p.Node(i), p.Pods(i), p.ControlPlane())
}

// nodeScript is what it does in the node's namespace. Packets to a pod that is
// gone are dropped, as most cluster networks do, not answered.
func nodeScript(p network.Plan, i int) string {
	return lines(
		"link set lo up", "address replace %[1]s/32 dev %[2]s", "link set %[2]s up",
		"route replace default via %[3]s dev %[2]s onlink",
		"route replace blackhole %[4]s",
	)(p.Node(i), nodeLink, p.ControlPlane(), p.Pods(i))
}

func lines(format ...string) func(...any) string {
	text := strings.Join(format, "\n") + "\n"
	return func(values ...any) string { return fmt.Sprintf(text, values...) }
}

// Wiring is a cluster's plan and its router: the control plane's namespace.
type Wiring struct {
	Plan   network.Plan
	Router Netns
}

// ConnectControlPlane links the machine with the control plane's namespace.
// With fresh the link is made anew, for its other end may belong to a namespace
// that is on its way out.
func (w Wiring) ConnectControlPlane(ctx context.Context, fresh bool) error {
	if err := pair(ctx, end{0, w.Plan.Link()}, end{w.Router, uplink}, fresh); err != nil {
		return fmt.Errorf("connect the control plane: %w", err)
	}
	if _, err := Netns(0).run(ctx, machineScript(w.Plan), "ip", "-batch", "-"); err != nil {
		return fmt.Errorf("connect the control plane: %w", err)
	}
	if _, err := w.Router.run(ctx, routerScript(w.Plan), "ip", "-batch", "-"); err != nil {
		return fmt.Errorf("connect the control plane: %w", err)
	}
	return forward(ctx, w.Router)
}

// ConnectNode links node number i's namespace with the control plane's.
func (w Wiring) ConnectNode(ctx context.Context, i int, node Netns, fresh bool) error {
	name := NodeLink(i)
	if err := pair(ctx, end{w.Router, name}, end{node, nodeLink}, fresh); err != nil {
		return fmt.Errorf("connect %s: %w", name, err)
	}
	if _, err := w.Router.run(ctx, nodeRouteScript(w.Plan, i, name), "ip", "-batch", "-"); err != nil {
		return fmt.Errorf("connect %s: %w", name, err)
	}
	if _, err := node.run(ctx, nodeScript(w.Plan, i), "ip", "-batch", "-"); err != nil {
		return fmt.Errorf("connect %s: %w", name, err)
	}
	return forward(ctx, node)
}

// NodeLink is the name of the router's end of node number i's link.
func NodeLink(i int) string { return fmt.Sprintf("node-%d", i) }

type end struct {
	netns Netns
	name  string
}

// pair makes a veth pair, unless both ends are there and it need not be fresh.
func pair(ctx context.Context, near, far end, fresh bool) error {
	for _, each := range []end{near, far} {
		present, err := each.netns.hasLink(ctx, each.name)
		if err != nil {
			return err
		}
		if !present {
			fresh = true
		}
	}
	if !fresh {
		return nil
	}
	for _, each := range []end{near, far} {
		if err := each.remove(ctx); err != nil {
			return err
		}
	}
	_, err := near.netns.run(ctx, "", "ip", "link", "add", near.name, "type", "veth",
		"peer", "name", far.name, "netns", fmt.Sprint(int(far.netns)))
	return err
}

func (e end) remove(ctx context.Context) error {
	present, err := e.netns.hasLink(ctx, e.name)
	if err != nil || !present {
		return err
	}
	if _, err = e.netns.run(ctx, "", "ip", "link", "delete", e.name); err == nil {
		return nil
	}
	// The kernel may have taken it away with its other end meanwhile.
	if present, again := e.netns.hasLink(ctx, e.name); again == nil && !present {
		return nil
	}
	return err
}

// forward lets a namespace route. Redirects are off: a pod's packets to a
// Service may leave through the link they came from.
func forward(ctx context.Context, netns Netns) error {
	const script = `cd /proc/sys/net/ipv4 && echo 1 >ip_forward && for each in all default; do
		echo 0 >conf/$each/send_redirects && echo 0 >conf/$each/rp_filter || exit 1; done`
	if _, err := netns.run(ctx, "", "sh", "-c", script); err != nil {
		return fmt.Errorf("let a namespace route: %w", err)
	}
	return nil
}

// Disconnect removes the link between machine and cluster, with its address
// and route.
func Disconnect(ctx context.Context, p network.Plan) error {
	if err := (end{0, p.Link()}).remove(ctx); err != nil {
		return fmt.Errorf("disconnect the cluster: %w", err)
	}
	return nil
}
