// Package cluster brings the whole cluster up, changes it, and takes it down:
// the order of things, and waiting for each.
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/matriarchdb/matriarch/local/internal/atomicfile"
	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/host"
	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/network"
	"github.com/matriarchdb/matriarch/local/internal/supervise"
)

// Config is what the cluster is to be; it is kept in the state folder.
type Config struct {
	Subnet string `json:"subnet"`
	Nodes  int    `json:"nodes"`
	// ID names what lies outside the state folder; it does not change in a
	// cluster's life.
	ID string `json:"id"`
}

// Cluster is one cluster on this machine.
type Cluster struct {
	component.Cluster
	Config Config
	// programs is the folder of this program and its companions.
	programs string
	cgroups  *host.Cgroups
	client   *supervise.Client
	progress *progress
}

// cgroupPrefix begins the names of all clusters' cgroups.
const cgroupPrefix = "matriarch-local-"

// Open reads what there is of the cluster in the environment's state folder.
// MATRIARCH_LOCAL_STATE and MATRIARCH_LOCAL_SUBNET choose another one.
func Open() (*Cluster, error) {
	state, err := layout.Parse(environment("MATRIARCH_LOCAL_STATE", layout.DefaultState))
	if err != nil {
		return nil, fmt.Errorf("MATRIARCH_LOCAL_STATE: %w", err)
	}
	config, err := readConfig(state)
	if err != nil {
		return nil, err
	}
	plan, err := network.Parse(config.Subnet, config.ID)
	if err != nil {
		return nil, err
	}
	programs, err := programs()
	if err != nil {
		return nil, err
	}
	root := cgroupPrefix + plan.ID()
	cgroups, err := host.OpenCgroups(root)
	if err != nil {
		return nil, err
	}
	return &Cluster{
		Cluster: component.Cluster{
			Plan: plan, State: state, Program: inFolder(programs), CgroupRoot: root,
			ProxyVariables: proxyVariables(os.Environ(), plan), NameServers: nameServers(),
		},
		Config: config, programs: programs, cgroups: cgroups,
		client: supervise.NewClient(state.Supervisor()), progress: newProgress(os.Stdout),
	}, nil
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// readConfig reads the cluster's configuration; one that was never started has
// the subnet of the environment and no nodes.
func readConfig(state layout.State) (Config, error) {
	wanted := os.Getenv("MATRIARCH_LOCAL_SUBNET")
	data, err := os.ReadFile(state.Cluster())
	if errors.Is(err, fs.ErrNotExist) {
		return Config{Subnet: environment("MATRIARCH_LOCAL_SUBNET", network.DefaultSubnet), ID: state.ID()}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("read the cluster's configuration: %w", err)
	}
	var config Config
	if err := json.Unmarshal(data, &config); err != nil {
		return Config{}, fmt.Errorf("read the cluster's configuration %s: %w", state.Cluster(), err)
	}
	if wanted != "" && wanted != config.Subnet {
		return Config{}, fmt.Errorf("MATRIARCH_LOCAL_SUBNET is %s, but the cluster in %s was made with %s: "+
			"unset it, choose another MATRIARCH_LOCAL_STATE, or run matriarch-local down --purge without it first",
			wanted, state, config.Subnet)
	}
	return config, nil
}

func (c Config) write(state layout.State) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keep the cluster's configuration: %w", err)
	}
	return atomicfile.Write(state.Cluster(), data, 0o644)
}

// programs is the folder of this program, where the build puts the others.
func programs() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the cluster's programs: %w", err)
	}
	return filepath.Dir(self), nil
}

// inFolder finds a program behind the links of the folder: another set of
// programs may hold the same one, which then need not be started anew.
func inFolder(folder string) func(name string) string {
	return func(name string) string {
		path := filepath.Join(folder, name)
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target
		}
		return path // starting it will say what is wrong
	}
}

// nameServers is the file with the machine's real name servers:
// systemd-resolved listens on a loopback address, which inside a namespace is
// another machine's.
func nameServers() string {
	const real = "/run/systemd/resolve/resolv.conf"
	if _, err := os.Stat(real); err == nil {
		return real
	}
	return "/etc/resolv.conf"
}
