// Package network decides every address of the cluster from one /16 prefix, so
// that two clusters with different prefixes can stand side by side.
package network

import (
	"fmt"
	"net/netip"
)

// MaxNodes is the number of nodes the address plan has room for: each takes
// one /24 below the Services' range.
const MaxNodes = 100

// DefaultSubnet is used unless MATRIARCH_LOCAL_SUBNET names another.
const DefaultSubnet = "10.123.0.0/16"

// Plan is the address plan of one cluster.
//
//	a.b.0.1          the control plane, also the cluster's DNS server
//	a.b.0.10+i       node i
//	a.b.0.254        the machine itself, as the cluster sees it
//	a.b.i.0/24       pods of node i
//	a.b.128.0/20     Services; .1 is the API server
type Plan struct {
	prefix netip.Prefix
	id     string
}

// Parse reads a /16 IPv4 prefix. The id, of at most 8 characters, sets the names
// of the cluster's link and firewall table apart from those of other clusters.
func Parse(subnet, id string) (Plan, error) {
	prefix, err := netip.ParsePrefix(subnet)
	if err != nil {
		return Plan{}, fmt.Errorf("subnet %q: %w", subnet, err)
	}
	if !prefix.Addr().Is4() || prefix.Bits() != 16 || prefix.Masked() != prefix {
		return Plan{}, fmt.Errorf("subnet %q: want an IPv4 network of 16 bits, such as %s", subnet, DefaultSubnet)
	}
	return Plan{prefix: prefix, id: id}, nil
}

func (p Plan) at(third, fourth byte) netip.Addr {
	octets := p.prefix.Addr().As4()
	return netip.AddrFrom4([4]byte{octets[0], octets[1], third, fourth})
}

// Subnet is the whole range of the cluster.
func (p Plan) Subnet() netip.Prefix { return p.prefix }

// ID is the cluster's own short name.
func (p Plan) ID() string { return p.id }

// Link is the name of the machine's end of the link into the cluster; the
// kernel allows 15 characters.
func (p Plan) Link() string { return "mtr-" + p.id }

// ControlPlane is the address of the API server, etcd and DNS.
func (p Plan) ControlPlane() netip.Addr { return p.at(0, 1) }

// Host is the machine's own address inside the cluster's network.
func (p Plan) Host() netip.Addr { return p.at(0, 254) }

// Node is the address of node number i, counted from 1.
func (p Plan) Node(i int) netip.Addr { return p.at(0, byte(10+i)) }

// Pods is the range of node number i's pods.
func (p Plan) Pods(i int) netip.Prefix { return netip.PrefixFrom(p.at(byte(i), 0), 24) }

// AllPods is the range that kube-proxy takes as local to the cluster: all pods,
// and the nodes themselves.
func (p Plan) AllPods() netip.Prefix { return netip.PrefixFrom(p.at(0, 0), 17) }

// Services is the range of ClusterIPs.
func (p Plan) Services() netip.Prefix { return netip.PrefixFrom(p.at(128, 0), 20) }

// APIService is the ClusterIP of the Service "kubernetes": the first of the range.
func (p Plan) APIService() netip.Addr { return p.at(128, 1) }
