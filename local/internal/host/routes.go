package host

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/local/internal/network"
)

// CheckRoutes fails when the machine already reaches something else at the
// cluster's addresses.
func CheckRoutes(ctx context.Context, p network.Plan) error {
	routes, err := Netns(0).run(ctx, "", "ip", "-4", "-o", "route", "show")
	if err != nil {
		return fmt.Errorf("see whether %s is free: %w", p.Subnet(), err)
	}
	if taken := conflict(routes, p.Subnet(), p.Link()); taken != "" {
		return fmt.Errorf("the cluster's network %s overlaps a route of this machine: %s: "+
			"choose another with MATRIARCH_LOCAL_SUBNET, such as 10.200.0.0/16", p.Subnet(), taken)
	}
	return nil
}

// conflict finds a route, in the output of "ip route", that overlaps a subnet
// and does not belong to the cluster's own link. A default route, and a wider
// one, may stay: the cluster's is more specific.
func conflict(routes string, subnet netip.Prefix, link string) string {
	for line := range strings.Lines(routes) {
		fields := strings.Fields(line)
		if len(fields) == 0 || slices.Contains(fields, link) {
			continue
		}
		destination := fields[0]
		if !strings.Contains(destination, "/") {
			destination += "/32"
		}
		prefix, err := netip.ParsePrefix(destination)
		if err == nil && prefix.Bits() >= subnet.Bits() && prefix.Overlaps(subnet) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
