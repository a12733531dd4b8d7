// Command facts writes the list of facts of a folder of CRDs. It is run by hand when the reference changes:
//
//	go run ./test/schema/facts CRD-FOLDER OUTPUT.txt.gz
package main

import (
	"fmt"
	"os"

	"github.com/matriarchdb/matriarch/test/schema"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: facts CRD-FOLDER OUTPUT.txt.gz")
		os.Exit(2)
	}
	facts, err := schema.ReadCRDs(os.Args[1])
	if err == nil {
		err = schema.Save(os.Args[2], facts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "facts:", err)
		os.Exit(1)
	}
	fmt.Printf("%d facts in %s\n", len(facts), os.Args[2])
}
