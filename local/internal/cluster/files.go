package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/matriarchdb/matriarch/local/internal/atomicfile"
	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/image"
)

// pauseArchive is the archive from which nodes load the pause image.
func (c *Cluster) pauseArchive() string { return c.State.Config("pause.tar") }

// writeFiles makes every file that a component reads.
func (c *Cluster) writeFiles() error {
	if err := c.Config.write(c.State); err != nil {
		return err
	}
	if err := c.writeCertificates(); err != nil {
		return err
	}
	files := map[string][]byte{
		c.State.Config("audit-policy.json"): component.AuditPolicy(),
		c.State.Config("Corefile"):          c.Corefile(),
	}
	for i := 1; i <= c.Config.Nodes; i++ {
		node := component.NodeName(i)
		files[c.State.Config(node+"-kubelet.json")] = c.KubeletConfig(i)
		files[c.State.Config(node+"-containerd.toml")] = c.ContainerdConfig(i)
		files[filepath.Join(c.State.Node(node).CNI(), "10-matriarch.conflist")] = c.CNIConfig(i)
	}
	for path, content := range files {
		if err := atomicfile.Write(path, content, 0o644); err != nil {
			return err
		}
	}
	return c.writePauseArchive()
}

func (c *Cluster) writePauseArchive() error {
	program, err := os.ReadFile(c.Program("pause"))
	if err != nil {
		return fmt.Errorf("make the pause image: %w", err)
	}
	archive, err := image.SingleProgram(component.PauseImage, "pause", program)
	if err != nil {
		return fmt.Errorf("make the pause image: %w", err)
	}
	return atomicfile.Write(c.pauseArchive(), archive, 0o644)
}

// mountPoints are the folders over which nodes mount their own.
func (c *Cluster) mountPoints() []string {
	var list []string
	for _, bind := range c.State.Node(component.NodeName(1)).Binds() {
		list = append(list, bind.Target)
	}
	return list
}
