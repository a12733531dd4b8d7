package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/matriarchdb/matriarch/images/internal/store"
)

// listCommand prints the archives of all images, for whoever loads them.
func listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Print the path of each image's archive", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, index, err := opened()
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(index.Images)) {
				fmt.Println(filepath.Join(string(dir), index.Images[name].Tar))
			}
			return nil
		},
	}
}

// refCommand prints the name under which an image is known once it is loaded.
func refCommand() *cobra.Command {
	return &cobra.Command{
		Use: "ref NAME", Short: "Print the full name of an image, such as that of matriarch or postgres:15.18", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, index, err := opened()
			if err != nil {
				return err
			}
			image, known := index.Images[args[0]]
			if !known {
				return fmt.Errorf("image %s: not built yet; run make images", args[0])
			}
			fmt.Println(image.Ref)
			return nil
		},
	}
}

func opened() (store.Dir, store.Index, error) {
	dir, err := store.Default()
	if err != nil {
		return "", store.Index{}, err
	}
	index, err := dir.Read()
	return dir, index, err
}
