// Command images assembles the container images that Matriarch runs on a machine without a registry, and writes the
// Dockerfiles and catalogs that are derived from the same recipes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/matriarchdb/matriarch/images/internal/builder"
	"github.com/matriarchdb/matriarch/images/internal/recipe"
	"github.com/matriarchdb/matriarch/images/internal/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{Use: "images", Short: "Container images for Matriarch, assembled from Debian's packages", SilenceUsage: true}
	root.AddCommand(buildCommand(), generateCommand(), listCommand(), refCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		os.Exit(1)
	}
}

func buildCommand() *cobra.Command {
	var (
		only   []string
		list   bool
		cache  string
		source string
		b      = &builder.Builder{Mirrors: recipe.DebianMirrors, Print: func(line string) { fmt.Println(line) }}
	)
	command := &cobra.Command{
		Use: "build", Short: "Make the images that are not there yet", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if list {
				fmt.Println(strings.Join(builder.Names(), "\n"))
				return nil
			}
			var err error
			if b.Dir, err = folder(cache); err != nil {
				return err
			}
			if b.Root, err = repository(source); err != nil {
				return err
			}
			return b.Build(c.Context(), only)
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&only, "only", nil, "names of images (postgres:15.18), kinds (postgres) or Debian releases (bookworm)")
	flags.BoolVar(&list, "list", false, "list the names and do nothing")
	flags.StringVar(&cache, "cache", "", "folder for the images (default $MATRIARCH_CACHE/images, else the user's cache folder)")
	flags.StringVar(&source, "source", "", "the repository (default: the one that the working folder is in)")
	flags.IntVar(&b.Jobs, "jobs", 2, "Debian releases to work on at the same time")
	flags.StringVar(&b.Mirrors.Archive, "mirror", b.Mirrors.Archive, "Debian's archive")
	flags.StringVar(&b.Mirrors.Security, "security-mirror", b.Mirrors.Security, "Debian's archive of security updates")
	flags.StringVar(&b.Mirrors.Snapshot, "snapshot-mirror", b.Mirrors.Snapshot, "archive of past states, asked for versions that the others no longer have")
	return command
}

func folder(flag string) (store.Dir, error) {
	if flag == "" {
		return store.Default()
	}
	path, err := filepath.Abs(flag)
	return store.Dir(path), err
}

// repository finds the folder of Matriarch's main module: the nearest above that has cmd/ and a go.mod.
func repository(flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/matriarchdb/matriarch\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the working folder is not inside Matriarch's repository; name it with --source")
		}
	}
}
