package cluster

import (
	"strings"

	"github.com/matriarchdb/matriarch/local/internal/network"
)

// proxyVariables picks the proxy settings out of an environment, and excepts
// the cluster's own addresses from them.
func proxyVariables(environment []string, plan network.Plan) []string {
	var picked []string
	except := plan.Subnet().String() + ",127.0.0.1,localhost,.svc,.cluster.local"
	proxied := false
	for _, each := range environment {
		name, value, _ := strings.Cut(each, "=")
		switch strings.ToLower(name) {
		case "http_proxy", "https_proxy":
			picked = append(picked, each)
			proxied = true
		case "no_proxy":
			if value != "" {
				except = value + "," + except
			}
		}
	}
	if !proxied {
		return nil
	}
	return append(picked, "NO_PROXY="+except)
}

// withoutProxy is an environment in which the cluster's addresses are reached
// directly.
func withoutProxy(environment []string, plan network.Plan) []string {
	kept := make([]string, 0, len(environment)+1)
	for _, each := range environment {
		if name, _, _ := strings.Cut(each, "="); strings.ToLower(name) != "no_proxy" {
			kept = append(kept, each)
		}
	}
	for _, each := range proxyVariables(environment, plan) {
		if strings.HasPrefix(each, "NO_PROXY=") {
			kept = append(kept, each)
		}
	}
	return kept
}
