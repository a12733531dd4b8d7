// Command bench measures creations, operations, memory and idle traffic on the cluster of KUBECONFIG with Matriarch installed and
// all images present, and prints a table in Markdown. It measures; it judges nothing, so that a busy machine fails no
// test. It needs kubectl. AUDIT_LOG names the API server's audit log, without which requests are not counted.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

func main() {
	repeats := flag.Int("repeats", 5, "how often each creation and operation is measured")
	idle := flag.Duration("idle", 2*time.Minute, "how long the idle fleet is watched")
	flag.Parse()
	log.SetFlags(log.Ltime)
	ctx := context.Background()
	b := bench{repeats: *repeats, idle: *idle, auditLog: os.Getenv("AUDIT_LOG")}
	err := b.run(ctx)
	b.cleanUp()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(b.table())
}
