package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/matriarchdb/matriarch/local/internal/component"
)

// ctr is containerd's own client, talking to a node's containerd.
func (c *Cluster) ctr(ctx context.Context, node string, args ...string) *exec.Cmd {
	args = append([]string{"--address", c.State.Node(node).Containerd(), "--namespace", "k8s.io"}, args...)
	command := exec.CommandContext(ctx, "ctr", args...)
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	return command
}

// finish runs a command and reports its own words when it fails.
func finish(command *exec.Cmd) (string, error) {
	var complaint strings.Builder
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(command.Args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return string(output), nil
}

// images are a node's images.
func (c *Cluster) images(ctx context.Context, node string) (imageList, error) {
	output, err := finish(c.ctr(ctx, node, "images", "list"))
	if err != nil {
		return nil, fmt.Errorf("list images of %s: %w", node, err)
	}
	return parseImages(output), nil
}

func (c *Cluster) ensurePauseImage(ctx context.Context, node string) error {
	_, err := c.importImage(ctx, node, c.pauseArchive())
	return err
}

// importImage loads an archive into a node, unless the node has its images.
func (c *Cluster) importImage(ctx context.Context, node, archive string) (imported bool, err error) {
	info, err := os.Stat(archive)
	if err != nil {
		return false, fmt.Errorf("load image: %w", err)
	}
	have, err := c.images(ctx, node)
	if err != nil {
		return false, err
	}
	if note, found := c.readLoaded(node)[archive]; found && note.same(info) && have.holds(note.Images) {
		return false, nil
	}
	output, err := finish(c.ctr(ctx, node, "images", "import", archive))
	if err != nil {
		return false, fmt.Errorf("load %s into %s: %w", archive, node, err)
	}
	return true, c.noteLoaded(node, archive, info, parseImport(output))
}

// copyImages gives a node that was added later the images of the first one.
func (c *Cluster) copyImages(ctx context.Context, i int) error {
	node, first := component.NodeName(i), component.NodeName(1)
	if i == 1 {
		return nil
	}
	if err := c.await(ctx, component.OfNode("containerd", first), c.containerdServes(first)); err != nil {
		return err
	}
	there, err := c.images(ctx, first)
	if err != nil {
		return err
	}
	here, err := c.images(ctx, node)
	if err != nil {
		return err
	}
	var missing []string
	for name, digest := range there {
		if here[name] != digest {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	begin := time.Now()
	if err := c.pipeImages(ctx, first, node, missing); err != nil {
		return fmt.Errorf("copy images from %s to %s: %w", first, node, err)
	}
	c.progress.done(fmt.Sprintf("images %s", node), fmt.Sprintf("%d copied", len(missing)), begin)
	return nil
}

func (c *Cluster) pipeImages(ctx context.Context, from, to string, names []string) error {
	reader, writer := io.Pipe()
	source := c.ctr(ctx, from, append([]string{"images", "export", "-"}, names...)...)
	target := c.ctr(ctx, to, "images", "import", "-")
	source.Stdout, target.Stdin = writer, reader
	var complaints [2]strings.Builder
	source.Stderr, target.Stderr = &complaints[0], &complaints[1]
	group, _ := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := source.Run()
		writer.CloseWithError(err)
		return wrapOutput(err, &complaints[0])
	})
	group.Go(func() error {
		err := target.Run()
		reader.CloseWithError(errors.New("the import has ended"))
		return wrapOutput(err, &complaints[1])
	})
	return group.Wait()
}

func wrapOutput(err error, complaint *strings.Builder) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", err, strings.TrimSpace(complaint.String()))
}

// Load imports image archives ("docker save" or OCI) into every node.
func (c *Cluster) Load(ctx context.Context, archives []string) error {
	if holder, found := c.records().Get(component.ControlPlane); !found || !holder.Alive() {
		return errNotRunning
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	for _, archive := range archives {
		begin := time.Now()
		path, err := filepath.Abs(archive)
		if err != nil {
			return fmt.Errorf("load image: %w", err)
		}
		outcome, err := c.loadEverywhere(ctx, path)
		if err != nil {
			return err
		}
		c.progress.done(filepath.Base(path), outcome, begin)
	}
	return nil
}

func (c *Cluster) loadEverywhere(ctx context.Context, archive string) (outcome string, err error) {
	var imports atomic.Int32
	group, ctx := errgroup.WithContext(ctx)
	for i := 1; i <= c.Config.Nodes; i++ {
		group.Go(func() error {
			imported, err := c.importImage(ctx, component.NodeName(i), archive)
			if imported {
				imports.Add(1)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	if imports.Load() == 0 {
		return "present", nil
	}
	return "loaded", nil
}
