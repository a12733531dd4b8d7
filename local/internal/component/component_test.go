package component

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/network"
)

func cluster(t *testing.T) Cluster {
	t.Helper()
	plan, err := network.Parse("10.123.0.0/16", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	return Cluster{
		Plan: plan, State: layout.State("/state"), CgroupRoot: "matriarch-local-0a1b2c3d", NameServers: "/etc/resolv.conf",
		Program: func(name string) string { return filepath.Join("/programs", name) },
	}
}

// every is each component of a cluster with two nodes.
func every(c Cluster) []Spec {
	list := append(c.Volumes(), c.ControlPlaneHolder(), c.Etcd(), c.APIServer(), c.ControllerManager(), c.Scheduler(),
		c.RouterProxy(), c.DNS(), c.CertManager())
	for i := 1; i <= 2; i++ {
		list = append(list, c.NodeHolder(i), c.Containerd(i), c.Kubelet(i), c.NodeProxy(i), c.NodeVolumes(i))
	}
	return list
}

func TestEveryComponentHasANameAndAHolderOfItsOwn(t *testing.T) {
	t.Parallel()
	list := every(cluster(t))
	names := map[string]Spec{}
	for _, spec := range list {
		if _, twice := names[spec.Name]; twice || spec.Name == "" {
			t.Errorf("the name %q is given twice", spec.Name)
		}
		names[spec.Name] = spec
	}
	for _, spec := range list {
		if spec.Keep != (spec.Within == "") {
			t.Errorf("%s: exactly holders are outside of namespaces and not restarted", spec.Name)
		}
		if spec.Within == "" {
			continue
		}
		holder, found := names[spec.Within]
		if !found || !holder.Keep {
			t.Errorf("%s is within %s, which holds no namespaces", spec.Name, spec.Within)
		}
		if spec.Cgroup != holder.Cgroup {
			t.Errorf("%s is in cgroup %s, its holder in %s: they end together", spec.Name, spec.Cgroup, holder.Cgroup)
		}
	}
}

func TestADigestChangesWithWhatAProcessReadsAtItsStart(t *testing.T) {
	t.Parallel()
	base := cluster(t).Kubelet(1)
	if base.Digest() != cluster(t).Kubelet(1).Digest() {
		t.Error("the same component has two digests")
	}
	for what, other := range map[string]Cluster{
		"the program": func() Cluster { c := cluster(t); c.Program = func(string) string { return "/new" }; return c }(),
		"a file":      func() Cluster { c := cluster(t); c.CgroupRoot = "other"; return c }(),
	} {
		if other.Kubelet(1).Digest() == base.Digest() {
			t.Errorf("%s has changed and the digest has not", what)
		}
	}
	if DigestOf([]byte("ab"), []byte("c")) == DigestOf([]byte("a"), []byte("bc")) {
		t.Error("two lists of contents have one digest")
	}
}

func TestOnlyContainerdGetsTheUsersProxy(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	c.ProxyVariables = []string{"HTTPS_PROXY=http://proxy:3128"}
	for _, spec := range every(c) {
		has := slices.Contains(spec.Env, c.ProxyVariables[0])
		if want := strings.HasPrefix(spec.Name, "containerd-"); has != want {
			t.Errorf("%s has the proxy: %v", spec.Name, has)
		}
	}
}

func TestNodesDifferInAddressZoneAndFolders(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	for i, zone := range []string{"zone-a", "zone-b", "zone-c", "zone-a"} {
		if Zone(i+1) != zone {
			t.Errorf("node %d is in %s, want %s", i+1, Zone(i+1), zone)
		}
	}
	argv := strings.Join(c.Kubelet(2).Argv, " ")
	for _, want := range []string{"--hostname-override=node-2", "--node-ip=10.123.0.12", "topology.kubernetes.io/zone=zone-b", "/state/config/node-2.kubeconfig"} {
		if !strings.Contains(argv, want) {
			t.Errorf("the kubelet's arguments lack %s: %s", want, argv)
		}
	}
	setup := strings.Join(c.NodeHolder(2).Argv, " ")
	if !strings.Contains(setup, `mount --bind "/state/nodes/node-2/run" "/run/containerd"`) {
		t.Errorf("the node's folders are not its own: %s", setup)
	}
	if !strings.Contains(string(c.CNIConfig(2)), "10.123.2.0/24") {
		t.Errorf("the pods' range: %s", c.CNIConfig(2))
	}
}

func TestConfigurationsAreJSON(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	for name, text := range map[string][]byte{
		"kubelet": c.KubeletConfig(1), "cni": c.CNIConfig(1), "audit": AuditPolicy(),
		"kubeconfig": c.Kubeconfig("u", "c", "k"), "embedded": c.EmbeddedKubeconfig("u", []byte("a"), []byte("c"), []byte("k")),
	} {
		if !json.Valid(text) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestAnEmbeddedKubeconfigNeedsNoFile(t *testing.T) {
	t.Parallel()
	text := string(cluster(t).EmbeddedKubeconfig("admin", []byte("authority"), []byte("certificate"), []byte("key")))
	if strings.Contains(text, "/state") {
		t.Errorf("it names a file: %s", text)
	}
	if !strings.Contains(text, `"server": "https://10.123.0.1:6443"`) {
		t.Errorf("it does not name the API server: %s", text)
	}
}

func TestTheKubeletIsAsTheClusterNeedsIt(t *testing.T) {
	t.Parallel()
	var config map[string]any
	if err := json.Unmarshal(cluster(t).KubeletConfig(1), &config); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"syncFrequency": "5s", "maxPods": 250.0, "cgroupRoot": "/matriarch-local-0a1b2c3d/node-1/pods",
		"cgroupDriver": "cgroupfs", "imageGCHighThresholdPercent": 100.0,
	} {
		if config[field] != want {
			t.Errorf("%s is %v, want %v", field, config[field], want)
		}
	}
}
