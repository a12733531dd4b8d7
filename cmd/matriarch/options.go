package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/matriarchdb/matriarch/internal/naming"
)

// The controllers that can be chosen.
const (
	provisioner = "provisioner"
	opsManager  = "ops-manager"
	petSet      = "petset"
)

func everything() []string { return []string{provisioner, opsManager, petSet} }

const (
	// name is that of the operator's Service, Lease and webhook configurations.
	name = naming.Operator
	// certificateSecret holds the webhooks' certificate.
	certificateSecret = "matriarch-webhook"
	certificateDir    = "/certificate"

	envAgentImage = "MATRIARCH_AGENT_IMAGE"
	envNamespace  = "POD_NAMESPACE"
	// namespaceFile tells a pod its own namespace.
	namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// options are the command line.
type options struct {
	controllers    []string
	agentImage     string
	namespace      string
	leaderElection bool
	webhooks       bool
	webhookPort    int
	metricsAddress string
	healthAddress  string
	// networkPolicies has the namespaces of databases get network policies.
	networkPolicies bool
}

func defaults() *options {
	return &options{
		controllers:    everything(),
		agentImage:     os.Getenv(envAgentImage),
		namespace:      os.Getenv(envNamespace),
		leaderElection: true,
		webhooks:       true,
		webhookPort:    9443,
		metricsAddress: ":8080",
		healthAddress:  ":8081",
	}
}

func (o *options) bind(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.controllers, "controllers", o.controllers, "what to run: provisioner, ops-manager, petset")
	flags.StringVar(&o.agentImage, "agent-image", o.agentImage, "image with the agent that runs in database pods (or $"+envAgentImage+")")
	flags.StringVar(&o.namespace, "namespace", o.namespace, "the operator's own namespace (or $"+envNamespace+"; default: the pod's)")
	flags.BoolVar(&o.leaderElection, "leader-elect", o.leaderElection, "work only while holding the Lease, so that several replicas can run")
	flags.BoolVar(&o.webhooks, "webhooks", o.webhooks, "answer the API server's webhooks")
	flags.IntVar(&o.webhookPort, "webhook-port", o.webhookPort, "port of the webhooks")
	flags.StringVar(&o.metricsAddress, "metrics-address", o.metricsAddress, `address of the metrics; "0" for none`)
	flags.StringVar(&o.healthAddress, "health-address", o.healthAddress, `address of /healthz and /readyz; "0" for none`)
	flags.BoolVar(&o.networkPolicies, "network-policies", o.networkPolicies, "restrict who reaches databases by network policies in their namespaces (docs/install.md)")
}

// complete fills in what can be found out and refuses what cannot work.
func (o *options) complete() error {
	for _, c := range o.controllers {
		if !slices.Contains(everything(), c) {
			return fmt.Errorf("--controllers: unknown controller %q; there are %s", c, strings.Join(everything(), ", "))
		}
	}
	if o.agentImage == "" && (o.runs(provisioner) || o.runs(opsManager)) {
		return fmt.Errorf("--agent-image (or $%s) is missing: it is the image that holds the agent of the database pods", envAgentImage)
	}
	if o.namespace == "" {
		text, err := os.ReadFile(namespaceFile)
		if err != nil && (o.leaderElection || o.webhooks || o.networkPolicies) {
			return fmt.Errorf("--namespace (or $%s) is missing and this is no pod: %w", envNamespace, err)
		}
		o.namespace = strings.TrimSpace(string(text))
	}
	return nil
}

func (o *options) runs(controller string) bool { return slices.Contains(o.controllers, controller) }

// lease is the name of the Lease: one for all controllers together, one for each other choice.
func (o *options) lease() string {
	chosen := slices.Compact(slices.Sorted(slices.Values(o.controllers)))
	if len(chosen) == len(everything()) {
		return name
	}
	return name + "-" + strings.Join(chosen, "-")
}
