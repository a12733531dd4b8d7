// Package layout names every file and folder of a cluster's state. All of it
// lies under one folder.
package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
)

// DefaultState is used unless MATRIARCH_LOCAL_STATE names another.
const DefaultState = "/var/lib/matriarch-local"

// maxStateLength leaves room for the longest socket path below it: the kernel
// allows 107 bytes.
const maxStateLength = 60

// State is the folder that holds everything of one cluster.
type State string

// Parse checks that a folder can hold the state.
func Parse(dir string) (State, error) {
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("state folder %q: want an absolute path", dir)
	}
	dir = filepath.Clean(dir)
	if dir == "/" {
		return "", errors.New("state folder /: want a folder of its own, it is deleted by down --purge")
	}
	if len(dir) > maxStateLength {
		return "", fmt.Errorf("state folder %q: at most %d characters, because sockets below it have long names", dir, maxStateLength)
	}
	return State(dir), nil
}

// ID names what cannot lie in the folder: the cluster's link, firewall table and
// cgroup. It differs from folder to folder, so that no cluster ever touches
// what is another's.
func (s State) ID() string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

func (s State) join(parts ...string) string {
	return filepath.Join(append([]string{string(s)}, parts...)...)
}

// Cluster is the file that says what the cluster is to be: subnet and nodes.
func (s State) Cluster() string { return s.join("cluster.json") }

// PKI is the folder of keys and certificates.
func (s State) PKI() string { return s.join("pki") }

// Etcd is etcd's data folder.
func (s State) Etcd() string { return s.join("etcd") }

// Config is a generated configuration file.
func (s State) Config(name string) string { return s.join("config", name) }

// Kubeconfig is the file with which the user NAME talks to the API server.
func (s State) Kubeconfig(user string) string { return s.join("config", user+".kubeconfig") }

// AdminKubeconfig is the file for people.
func (s State) AdminKubeconfig() string { return s.join("kubeconfig") }

// Log is the log file of a component.
func (s State) Log(component string) string { return s.join("log", component+".log") }

// Logs is the folder of all logs.
func (s State) Logs() string { return s.join("log") }

// Audit is the API server's audit log: one JSON object per request.
func (s State) Audit() string { return s.join("log", "audit.log") }

// Run is the folder of what is true only while the cluster runs.
func (s State) Run() string { return s.join("run") }

// Records is the folder with one file per started process.
func (s State) Records() string { return s.join("run", "processes") }

// Supervisor is the socket of the supervisor.
func (s State) Supervisor() string { return s.join("run", "supervisor.sock") }

// Lock is held while up, down or load work. It lies outside Run, which down
// removes.
func (s State) Lock() string { return s.join("lock") }

// Volumes is the folder of persistent volumes, one sparse file each.
func (s State) Volumes() string { return s.join("volumes") }

// CSI is the socket of the volume driver's controller.
func (s State) CSI() string { return s.join("run", "csi.sock") }

// MachineChanges is a folder, outside every state folder because all clusters
// share it, that notes what was changed on the machine. Like those changes it
// does not outlive a reboot.
const MachineChanges = "/run/matriarch-local"

// Node is the folder of a node.
func (s State) Node(name string) Node { return Node(s.join("nodes", name)) }

// Nodes is the folder of all nodes.
func (s State) Nodes() string { return s.join("nodes") }

// Node is the folder of one node, seen from the machine. Inside the node's
// mount namespace parts of it appear at the usual places; see Binds.
type Node string

// Containerd is containerd's socket, seen from the machine.
func (n Node) Containerd() string { return filepath.Join(string(n), "run", "containerd.sock") }

// VolumeDriver is the file that the node's volume driver writes once the kubelet
// has registered it.
func (n Node) VolumeDriver() string { return filepath.Join(string(n), "run", "volume-driver") }

// Volatile are folders that mean nothing once the node's processes are gone.
func (n Node) Volatile() []string {
	at := func(dir string) string { return filepath.Join(string(n), dir) }
	return []string{at("run"), at("cni/networks"), at("kubelet/plugins_registry")}
}

// CNI is the folder of the node's network configuration.
func (n Node) CNI() string { return filepath.Join(string(n), "net.d") }

// Bind says that inside the node the folder Source appears at Target.
type Bind struct{ Source, Target string }

// Binds are the usual places of a node that are private to each node here.
// Several of them are not configurable in containerd, libcni or the kubelet.
func (n Node) Binds() []Bind {
	at := func(dir, target string) Bind { return Bind{filepath.Join(string(n), dir), target} }
	return []Bind{
		at("run", "/run/containerd"),
		at("containerd", "/var/lib/containerd"),
		at("cni", "/var/lib/cni"),
		at("kubelet", "/var/lib/kubelet"),
		at("log/pods", "/var/log/pods"),
		at("log/containers", "/var/log/containers"),
	}
}
