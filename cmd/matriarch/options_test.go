package main

import (
	"strings"
	"testing"
)

func TestWhatCannotWorkIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		change func(*options)
		want   string // a part of the error; empty for none
	}{
		{"everything is given", func(*options) {}, ""},
		{"an unknown controller", func(o *options) { o.controllers = []string{"cook"} }, `unknown controller "cook"`},
		{"no agent for the pods", func(o *options) { o.agentImage = "" }, "--agent-image"},
		{"no agent where no pods are made", func(o *options) { o.agentImage, o.controllers = "", []string{petSet} }, ""},
		{"no namespace and no pod", func(o *options) { o.namespace = "" }, "--namespace"},
		{"nowhere to let the operator in from", func(o *options) {
			o.namespace, o.webhooks, o.leaderElection, o.networkPolicies = "", false, false, true
		}, "--namespace"},
		{"no namespace where none is needed", func(o *options) { o.namespace, o.webhooks, o.leaderElection = "", false, false }, ""},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			o := defaults()
			o.agentImage, o.namespace = "agent:1", "system"
			test.change(o)
			err := o.complete()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestOperatorsWithTheSameControllersShareALease(t *testing.T) {
	t.Parallel()
	for controllers, want := range map[string]string{
		"provisioner,ops-manager,petset": "matriarch",
		"petset,provisioner,ops-manager": "matriarch",
		"petset,provisioner":             "matriarch-petset-provisioner",
		"provisioner,petset,petset":      "matriarch-petset-provisioner",
		"ops-manager":                    "matriarch-ops-manager",
	} {
		o := options{controllers: strings.Split(controllers, ",")}
		if got := o.lease(); got != want {
			t.Errorf("%s: the Lease is %s, want %s", controllers, got, want)
		}
	}
}
