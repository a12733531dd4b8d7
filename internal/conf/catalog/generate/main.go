// Command generate writes the data files of the catalogs from the servers
// themselves. It works in two steps, because the servers of several versions
// seldom run in one place:
//
//	generate facts postgres BINDIR          > 17.facts   (not as root; starts a scratch server)
//	generate facts pgpool PROGRAM           > 4.3.facts  (reads the ELF file; amd64, runs nothing)
//	generate facts pgbouncer PROGRAM        > 1.18.facts (not as root; starts it on a private socket)
//	generate merge 13=13.facts 14=14.facts  > data/postgres.tsv
//
// Built with CGO_ENABLED=0 it can be copied into a root file system of another
// release and run there with chroot.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf/catalog/table"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: generate facts postgres|pgpool|pgbouncer PATH; generate merge VERSION=FILE …")
	}
	if args[0] == "merge" {
		merged, err := merge(args[1:])
		fmt.Print(merged)
		return err
	}
	sources := map[string]func(string) ([]table.Facts, error){
		"postgres": postgresFacts, "pgpool": pgpoolFacts, "pgbouncer": pgbouncerFacts,
	}
	source := sources[args[1]]
	if args[0] != "facts" || source == nil || len(args) != 3 {
		return fmt.Errorf("cannot do %q", strings.Join(args, " "))
	}
	facts, err := source(args[2])
	if err != nil {
		return fmt.Errorf("reading the facts of %s: %w", args[2], err)
	}
	const only = "0" // one version's facts are a table of one version
	fmt.Print(table.Merge([]string{only}, map[string][]table.Facts{only: facts}))
	return nil
}

func merge(inputs []string) (table.Table, error) {
	var versions []string
	facts := map[string][]table.Facts{}
	for _, input := range inputs {
		version, file, found := strings.Cut(input, "=")
		if !found {
			return table.Table{}, fmt.Errorf("%q is not VERSION=FILE", input)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return table.Table{}, err
		}
		one, err := table.Parse(string(text))
		if err != nil {
			return table.Table{}, fmt.Errorf("%s: %w", file, err)
		}
		versions = append(versions, version)
		for _, row := range one.Rows {
			facts[version] = append(facts[version], row.Facts)
		}
	}
	return table.Merge(versions, facts), nil
}
