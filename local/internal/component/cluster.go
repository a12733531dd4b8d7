package component

import (
	"path/filepath"

	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/network"
)

// PauseImage is the image of the container that holds a pod's namespaces. It is
// made here, not pulled.
const PauseImage = "matriarch.local/pause:1"

// Cluster is what every component's command line is made of.
type Cluster struct {
	Plan  network.Plan
	State layout.State
	// Program is the file of a built program, by its name. It does not change
	// unless the program does.
	Program func(name string) string
	// CgroupRoot is the name of the cluster's own cgroup.
	CgroupRoot string
	// ProxyVariables are those of the user's environment. Only containerd gets
	// them, for pulling images: the others talk within the cluster.
	ProxyVariables []string
	// NameServers is the file with the machine's own name servers.
	NameServers string
}

// Names of components that others refer to.
const (
	Supervisor   = "supervisor"
	ControlPlane = "control-plane"
	Etcd         = "etcd"
	APIServer    = "kube-apiserver"
)

// OfNode is the name of a component that runs once per node.
func OfNode(component, node string) string { return component + "-" + node }

const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// kube is the command line of one of the programs inside the big binary.
func (c Cluster) kube(name string, args ...string) []string {
	return append([]string{c.Program("kube"), name}, args...)
}

func (c Cluster) config(name string) string { return c.State.Config(name) }

func (c Cluster) pki(name string) string { return filepath.Join(c.State.PKI(), name) }

// spec is a component of the control plane.
func (c Cluster) spec(name string, argv []string, inputs ...[]byte) Spec {
	return Spec{
		Name: name, Cgroup: ControlPlane, Within: ControlPlane, Argv: argv,
		Env: []string{path, "HOME=/root"}, Inputs: DigestOf(inputs...),
	}
}

// HolderOf is the process that keeps the namespaces of the control plane or of
// a node: everything else enters them through it, and when all their processes
// are gone, the kernel removes what was in them: links, mounts, rules.
func (c Cluster) HolderOf(name, cgroup, setup string) Spec {
	return Spec{
		Name: name, Cgroup: cgroup, Env: []string{path}, Keep: true,
		// Mounts arrive from the machine, and none leave to it; within, they are
		// shared, as a kubelet expects.
		Argv: []string{"unshare", "--net", "--mount", "--propagation", "slave", "--",
			"/bin/sh", "-ec", "mount --make-rshared /\n" + setup + "exec sleep infinity"},
	}
}

// HolderProgram is what a holder has become when its namespaces are set up.
const HolderProgram = "sleep"

// ControlPlaneHolder keeps the control plane's namespaces.
func (c Cluster) ControlPlaneHolder() Spec { return c.HolderOf(ControlPlane, ControlPlane, "") }
