package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

func (c *Cluster) kubectlEnvironment() []string {
	return append(withoutProxy(os.Environ(), c.Plan), "KUBECONFIG="+c.State.AdminKubeconfig())
}

// Kubectl becomes kubectl; it returns only when that fails.
func (c *Cluster) Kubectl(args []string) error {
	if _, err := os.Stat(c.State.AdminKubeconfig()); err != nil {
		return fmt.Errorf("there is no cluster in %s, run matriarch-local up first: %w", c.State, err)
	}
	program := c.Program("kube")
	err := syscall.Exec(program, append([]string{program, "kubectl"}, args...), c.kubectlEnvironment())
	return fmt.Errorf("run kubectl: %w", err)
}

// AdminKubeconfig is the administrator's kubeconfig file and its content.
func (c *Cluster) AdminKubeconfig() (path string, content []byte, err error) {
	path = c.State.AdminKubeconfig()
	if content, err = os.ReadFile(path); err != nil {
		return "", nil, fmt.Errorf("there is no cluster in %s, run matriarch-local up first: %w", c.State, err)
	}
	return path, content, nil
}

// Assets is the folder with etcd, kube-apiserver and kubectl, for tests that
// start an API server of their own.
func (c *Cluster) Assets() string { return filepath.Join(c.programs, "assets") }
