// Command matriarch-local runs a real Kubernetes on this machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/matriarchdb/matriarch/local/internal/cluster"
	"github.com/matriarchdb/matriarch/local/internal/host"
	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/network"
	"github.com/matriarchdb/matriarch/local/internal/prerequisite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "matriarch-local:", err)
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			os.Exit(exit.ExitCode())
		}
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "matriarch-local",
		Short: "A real Kubernetes on this machine",
		Long: fmt.Sprintf(`A real Kubernetes on this machine: etcd, the control plane, and nodes with
containerd, each in network and mount namespaces of its own.

Environment:
  MATRIARCH_LOCAL_STATE    folder of everything it keeps (default %s)
  MATRIARCH_LOCAL_SUBNET   its network, 16 bits wide (default %s)`, layout.DefaultState, network.DefaultSubnet),
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(up(), down(), status(), kubeconfig(), load(), logs(), kubectl(), node(), assets(), supervise())
	return root
}

// with opens the cluster and does something with it.
func with(do func(cmd *cobra.Command, c *cluster.Cluster, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := cluster.Open()
		if err != nil {
			return err
		}
		return do(cmd, c, args)
	}
}

func up() *cobra.Command {
	var nodes int
	cmd := &cobra.Command{
		Use: "up", Short: "Start the cluster, add nodes to it, or repair it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := prerequisite.Ensure(cmd.Context(), os.Stdout); err != nil {
				return err
			}
			return with(func(cmd *cobra.Command, c *cluster.Cluster, _ []string) error {
				return c.Up(cmd.Context(), nodes)
			})(cmd, args)
		},
	}
	cmd.Flags().IntVar(&nodes, "nodes", 0, "number of nodes; more than before adds some (default: as many as there are, or 1)")
	return cmd
}

func down() *cobra.Command {
	var purge bool
	cmd := &cobra.Command{
		Use: "down", Short: "Stop the cluster and put the machine back as it was", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, c *cluster.Cluster, _ []string) error {
			return c.Down(cmd.Context(), purge)
		}),
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "delete its state too: objects, images and volumes")
	return cmd
}

func status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what runs; fails if something does not", Args: cobra.NoArgs,
		RunE: with(func(cmd *cobra.Command, c *cluster.Cluster, _ []string) error {
			return c.Status(cmd.Context(), os.Stdout)
		}),
	}
}

func kubeconfig() *cobra.Command {
	var path bool
	cmd := &cobra.Command{
		Use: "kubeconfig", Short: "Print the administrator's kubeconfig", Args: cobra.NoArgs,
		RunE: with(func(_ *cobra.Command, c *cluster.Cluster, _ []string) error {
			file, content, err := c.AdminKubeconfig()
			if err != nil {
				return err
			}
			if path {
				content = []byte(file + "\n")
			}
			_, err = os.Stdout.Write(content)
			return err
		}),
	}
	cmd.Flags().BoolVar(&path, "path", false, "print the file's name instead")
	return cmd
}

func load() *cobra.Command {
	return &cobra.Command{
		Use: "load IMAGE.tar...", Short: "Load image archives (docker or OCI) into every node", Args: cobra.MinimumNArgs(1),
		RunE: with(func(cmd *cobra.Command, c *cluster.Cluster, args []string) error {
			return c.Load(cmd.Context(), args)
		}),
	}
}

func logs() *cobra.Command {
	var lines int
	var follow bool
	cmd := &cobra.Command{
		Use: "logs COMPONENT", Short: "Print the end of a component's log", Args: cobra.ExactArgs(1),
		RunE: with(func(cmd *cobra.Command, c *cluster.Cluster, args []string) error {
			return c.Logs(cmd.Context(), os.Stdout, args[0], lines, follow)
		}),
	}
	cmd.Flags().IntVarP(&lines, "lines", "n", 100, "number of lines")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing")
	return cmd
}

func kubectl() *cobra.Command {
	return &cobra.Command{
		Use: "kubectl ARGUMENT...", Short: "Run kubectl against the cluster", DisableFlagParsing: true,
		RunE: with(func(_ *cobra.Command, c *cluster.Cluster, args []string) error { return c.Kubectl(args) }),
	}
}

func node() *cobra.Command {
	cmd := &cobra.Command{Use: "node", Short: "Cut a node off from all others, or connect it again"}
	sub := func(use, short string, change func(*cluster.Cluster, context.Context, string, string) error) *cobra.Command {
		var direction string
		sub := &cobra.Command{
			Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1),
			RunE: with(func(cmd *cobra.Command, c *cluster.Cluster, args []string) error {
				return change(c, cmd.Context(), args[0], direction)
			}),
		}
		sub.Flags().StringVar(&direction, "direction", host.Both, "in (what goes to the node), out (what comes from it) or both")
		return sub
	}
	cmd.AddCommand(
		sub("cut", "Drop the packets between a node and everything else", (*cluster.Cluster).CutNode),
		sub("heal", "Let them pass again", (*cluster.Cluster).HealNode),
	)
	return cmd
}

func assets() *cobra.Command {
	return &cobra.Command{
		Use: "assets", Short: "Print the folder of etcd, kube-apiserver and kubectl (KUBEBUILDER_ASSETS)", Args: cobra.NoArgs,
		RunE: with(func(_ *cobra.Command, c *cluster.Cluster, _ []string) error {
			_, err := fmt.Println(c.Assets())
			return err
		}),
	}
}

func supervise() *cobra.Command {
	return &cobra.Command{
		Use: "supervise", Short: "Keep the cluster's processes running (started by up)", Args: cobra.NoArgs, Hidden: true,
		RunE: with(func(_ *cobra.Command, c *cluster.Cluster, _ []string) error { return c.Supervise() }),
	}
}
