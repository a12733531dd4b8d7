package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/matriarchdb/matriarch/test/traffic"
)

// clients use the databases of the benchmark's namespace.
var clients = traffic.Client{Kubectl: kubectl, Namespace: ns}

// paths are all ways that there are in the benchmark's namespace; the first is the direct one.
func paths() []traffic.Path {
	password, _ := base64.StdEncoding.DecodeString(get("secret/bench-auth", "{.data.password}"))
	var all []traffic.Path
	for _, p := range []struct {
		name, host string
		port       int
	}{{"direct", "pg", 5432}, {"pgpool", "pool", 9999}, {"pgbouncer", "bouncer", 5432}} {
		all = append(all, traffic.Path{
			Name: p.name, Password: string(password),
			Options: fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", p.host, p.port),
		})
	}
	return all
}

// startTraffic makes the client's pod and leaves the traffic of all paths running, until the pod goes.
func startTraffic(ctx context.Context) error {
	image := get("postgresversion/17.11", "{.spec.db.image}")
	user := get("postgresversion/17.11", "{.spec.securityContext.runAsUser}")
	if err := apply(traffic.Manifest(image, user)); err != nil {
		return err
	}
	if err := until(ctx, "the client runs", func() bool { return get("pod/"+traffic.Pod, "{.status.phase}") == "Running" }); err != nil {
		return err
	}
	return eachPath(ctx, clients.Start)
}

// trafficFlows waits until the clients of every path are served; the Postgres may be a new one.
func trafficFlows(ctx context.Context) error {
	if err := clients.MakeTable(ctx, paths()[0]); err != nil {
		return err
	}
	return eachPath(ctx, clients.Flows)
}

func stopTraffic(ctx context.Context) {
	for _, p := range paths() {
		clients.Stop(ctx, p)
	}
}

// eachPath does something with one path after the other.
func eachPath(ctx context.Context, what func(context.Context, traffic.Path) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for _, p := range paths() {
		if err := what(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
