package component

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/matriarchdb/matriarch/local/internal/layout"
)

// NodeName is the name of node number i, counted from 1.
func NodeName(i int) string { return fmt.Sprintf("node-%d", i) }

// Zone is the zone of node number i: three zones, taken in turns.
func Zone(i int) string { return "zone-" + string("abc"[(i-1)%3]) }

// NodeCgroup is the group of all that runs for a node, NodeSystem that of its
// own components, NodePods that of its pods.
func NodeCgroup(node string) string { return node }

// NodeSystem is the group of a node's own components.
func NodeSystem(node string) string { return filepath.Join(node, "system") }

// NodePods is the group below which the kubelet puts its pods.
func NodePods(node string) string { return filepath.Join(node, "pods") }

func (c Cluster) nodeSpec(component string, i int, argv []string, inputs ...[]byte) Spec {
	node := NodeName(i)
	spec := c.spec(OfNode(component, node), argv, inputs...)
	spec.Cgroup, spec.Within = NodeSystem(node), node
	return spec
}

// NodeHolder keeps a node's namespaces, in which the usual folders of a node
// are its own.
func (c Cluster) NodeHolder(i int) Spec {
	node := NodeName(i)
	return c.HolderOf(node, NodeSystem(node), bindScript(c.State.Node(node).Binds()))
}

func bindScript(binds []layout.Bind) string {
	var script strings.Builder
	for _, bind := range binds {
		fmt.Fprintf(&script, "mount --bind %q %q\n", bind.Source, bind.Target)
	}
	return script.String()
}

// Containerd is Debian's containerd with a configuration of its own.
func (c Cluster) Containerd(i int) Spec {
	file := c.config(NodeName(i) + "-containerd.toml")
	spec := c.nodeSpec("containerd", i, []string{"containerd", "--config", file, "--log-level", "warn"}, c.ContainerdConfig(i))
	spec.Env = append(spec.Env, c.ProxyVariables...)
	return spec
}

// Kubelet is the node's kubelet.
func (c Cluster) Kubelet(i int) Spec {
	node := NodeName(i)
	return c.nodeSpec("kubelet", i, c.kube("kubelet",
		"--config="+c.config(node+"-kubelet.json"), "--kubeconfig="+c.State.Kubeconfig(node),
		"--hostname-override="+node, "--node-ip="+c.Plan.Node(i).String(),
		"--node-labels=topology.kubernetes.io/region=local,topology.kubernetes.io/zone="+Zone(i),
	), c.KubeletConfig(i))
}

// NodeProxy is the node's kube-proxy.
func (c Cluster) NodeProxy(i int) Spec {
	return c.nodeSpec("kube-proxy", i, c.proxy(i, c.Plan.Node(i).String()))
}

// proxy is kube-proxy's command line. It leaves the machine's connection
// tracking limits alone: they are not the namespace's to set.
func (c Cluster) proxy(i int, address string) []string {
	return c.kube("kube-proxy",
		"--kubeconfig="+c.State.Kubeconfig("kube-proxy"), "--hostname-override="+NodeName(i),
		"--proxy-mode=nftables", "--cluster-cidr="+c.Plan.AllPods().String(),
		"--healthz-bind-address="+address+":10256", "--metrics-bind-address=127.0.0.1:10249",
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
	)
}

// NodeVolumes is the volume driver's part on the node.
func (c Cluster) NodeVolumes(i int) Spec {
	const driver = "csi.matriarch.local"
	return c.nodeSpec("csi", i, []string{
		c.Program("csi"), "node", "-node=" + NodeName(i), "-volumes=" + c.State.Volumes(),
		"-endpoint=/var/lib/kubelet/plugins/" + driver + "/csi.sock",
		"-registration=/var/lib/kubelet/plugins_registry/" + driver + "-reg.sock",
		"-registered=" + c.State.Node(NodeName(i)).VolumeDriver(),
	})
}
