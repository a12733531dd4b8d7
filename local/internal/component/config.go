package component

import (
	"encoding/json"
	"fmt"
)

// object is a piece of JSON, which every component reads in place of YAML.
type object map[string]any

func (o object) render() []byte {
	data, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("render configuration: %v", err)) // plain values only: cannot happen
	}
	return append(data, '\n')
}

// Kubeconfig lets a user with a certificate talk to the API server. Files are
// named, not embedded, except for people, who may copy theirs elsewhere.
func (c Cluster) Kubeconfig(user, certificate, key string) []byte {
	return c.kubeconfig(user,
		object{"certificate-authority": c.pki("ca.crt")},
		object{"client-certificate": certificate, "client-key": key})
}

// EmbeddedKubeconfig is a kubeconfig that needs no other file.
func (c Cluster) EmbeddedKubeconfig(user string, authority, certificate, key []byte) []byte {
	return c.kubeconfig(user,
		object{"certificate-authority-data": authority},
		object{"client-certificate-data": certificate, "client-key-data": key})
}

func (c Cluster) kubeconfig(user string, cluster, credentials object) []byte {
	const name = "matriarch-local"
	cluster["server"] = fmt.Sprintf("https://%s:6443", c.Plan.ControlPlane())
	return object{
		"apiVersion": "v1", "kind": "Config", "current-context": name,
		"clusters": []object{{"name": name, "cluster": cluster}},
		"users":    []object{{"name": user, "user": credentials}},
		"contexts": []object{{"name": name, "context": object{"cluster": name, "user": user}}},
	}.render()
}

// AuditPolicy notes who did what to which object, once per request, without
// contents.
func AuditPolicy() []byte {
	return object{
		"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
		"omitStages": []string{"RequestReceived"},
		"rules":      []object{{"level": "Metadata"}},
	}.render()
}

// KubeletConfig is the kubelet's configuration. Paths are those inside the node.
func (c Cluster) KubeletConfig(i int) []byte {
	node := NodeName(i)
	return object{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"authentication": object{
			"anonymous": object{"enabled": false}, "webhook": object{"enabled": true},
			"x509": object{"clientCAFile": c.pki("ca.crt")},
		},
		"authorization":            object{"mode": "Webhook"},
		"tlsCertFile":              c.pki(node + ".crt"),
		"tlsPrivateKeyFile":        c.pki(node + ".key"),
		"clusterDNS":               []string{c.Plan.ControlPlane().String()},
		"clusterDomain":            "cluster.local",
		"containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
		"volumePluginDir":          "/var/lib/kubelet/volumeplugins",
		// Debian's runc without systemd, on either cgroup version.
		"cgroupDriver": "cgroupfs", "cgroupRoot": "/" + c.CgroupRoot + "/" + NodePods(node), "failCgroupV1": false,
		"enforceNodeAllocatable": []string{}, "failSwapOn": false,
		// Quick reactions: an enlarged volume is noticed at the next sync.
		"syncFrequency": "5s", "volumeStatsAggPeriod": "5s", "serializeImagePulls": false,
		"maxPods": 250,
		// Images are loaded by hand and cannot be had again, so they are never
		// collected; and a half full disk is no reason to evict pods.
		"imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
		"evictionHard": object{"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
	}.render()
}

// ContainerdConfig is containerd's configuration. Paths are those inside the node.
func (c Cluster) ContainerdConfig(i int) []byte {
	return fmt.Appendf(nil, `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
# "opt" would create /opt/containerd; the others need what is not here.
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  # Without CAP_SYS_RESOURCE no score can be lowered, and every sandbox would die.
  restrict_oom_score_adj = true
  # The profile would stay loaded in the kernel.
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`, PauseImage, c.State.Node(NodeName(i)).CNI())
}

// CNIConfig connects pods by a routed link each. With a bridge, two pods of one
// node would answer each other past the rules that translate Services.
func (c Cluster) CNIConfig(i int) []byte {
	return object{
		"cniVersion": "0.4.0", "name": "matriarch",
		"plugins": []object{{
			"type": "ptp", "mtu": 1400,
			"ipam": object{
				"type":   "host-local",
				"ranges": [][]object{{{"subnet": c.Plan.Pods(i).String()}}},
				"routes": []object{{"dst": "0.0.0.0/0"}},
			},
		}, {
			"type": "portmap", "capabilities": object{"portMappings": true},
		}},
	}.render()
}

// Corefile answers for the cluster's names with a short life, so that clients
// see changes at once, and asks the machine's name servers for all others.
func (c Cluster) Corefile() []byte {
	return fmt.Appendf(nil, `cluster.local %[4]s {
	bind %[1]s
	errors
	ready %[1]s:8181
	kubernetes cluster.local %[4]s {
		kubeconfig %[2]s
		pods insecure
		ttl 1
	}
}
. {
	bind %[1]s
	errors
	cache 30
	forward . %[3]s
}
`, c.Plan.ControlPlane(), c.State.Kubeconfig("coredns"), c.NameServers, c.Plan.Subnet())
}
