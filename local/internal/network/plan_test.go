package network

import (
	"net/netip"
	"testing"
)

func plan(t *testing.T) Plan {
	t.Helper()
	p, err := Parse("10.123.0.0/16", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryAddressLiesInTheSubnetAndNoneTwice(t *testing.T) {
	t.Parallel()
	p := plan(t)
	ranges := []netip.Prefix{p.Services()}
	single := []netip.Addr{p.ControlPlane(), p.Host()}
	for i := 1; i <= MaxNodes; i++ {
		ranges = append(ranges, p.Pods(i))
		single = append(single, p.Node(i))
	}
	for i, each := range ranges {
		if !p.Subnet().Overlaps(each) || each.Bits() < p.Subnet().Bits() {
			t.Errorf("%s lies outside %s", each, p.Subnet())
		}
		for _, other := range ranges[i+1:] {
			if each.Overlaps(other) {
				t.Errorf("%s and %s overlap", each, other)
			}
		}
	}
	seen := map[netip.Addr]bool{}
	for _, each := range single {
		if seen[each] {
			t.Errorf("%s is given twice", each)
		}
		seen[each] = true
		if !p.Subnet().Contains(each) {
			t.Errorf("%s lies outside %s", each, p.Subnet())
		}
		for _, pods := range ranges {
			if pods.Contains(each) {
				t.Errorf("%s lies in %s", each, pods)
			}
		}
	}
}

func TestPodsCountAsLocalAndServicesDoNot(t *testing.T) {
	t.Parallel()
	p := plan(t)
	if !p.AllPods().Contains(p.Pods(MaxNodes).Addr()) {
		t.Errorf("%s does not hold the last node's pods %s", p.AllPods(), p.Pods(MaxNodes))
	}
	if p.AllPods().Overlaps(p.Services()) {
		t.Errorf("pods %s and Services %s overlap", p.AllPods(), p.Services())
	}
	if !p.Services().Contains(p.APIService()) {
		t.Errorf("the API server's Service %s lies outside %s", p.APIService(), p.Services())
	}
}

func TestLinkNameFitsTheKernel(t *testing.T) {
	t.Parallel()
	if name := plan(t).Link(); len(name) > 15 {
		t.Errorf("%s has %d characters, the kernel allows 15", name, len(name))
	}
}

func TestOnlyA16BitIPv4NetworkIsASubnet(t *testing.T) {
	t.Parallel()
	for _, subnet := range []string{"", "10.1.0.0", "10.1.0.0/24", "10.1.2.0/16", "10.0.0.0/8", "fd00::/16", "x/16"} {
		if _, err := Parse(subnet, "id"); err == nil {
			t.Errorf("subnet %q is accepted", subnet)
		}
	}
}
