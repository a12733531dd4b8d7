package hba

import (
	"fmt"
	"net/netip"
	"strings"
)

// address takes the address, and the netmask if it stands in a column of its
// own, off the fields.
func (r *Rule) address(fields [][]string) (rest [][]string, message string) {
	if len(fields[0]) > 1 {
		return nil, fmt.Sprintf("one address per rule, not %q", strings.Join(fields[0], ","))
	}
	r.Address = fields[0][0]
	rest = fields[1:]
	if strings.Contains(r.Address, "/") {
		if _, err := netip.ParsePrefix(r.Address); err != nil {
			return nil, fmt.Sprintf("%q is not a network in CIDR notation, such as 10.0.0.0/8", r.Address)
		}
		return rest, ""
	}
	ip, err := netip.ParseAddr(r.Address)
	if err != nil {
		return rest, "" // a keyword or a host name
	}
	if len(rest) == 0 {
		return nil, "the method is missing"
	}
	bits, ok := maskBits(rest[0][0])
	if !ok {
		return nil, fmt.Sprintf("the address %s needs a mask: %s/%d is this one host", ip, ip, ip.BitLen())
	}
	r.Address = fmt.Sprintf("%s/%d", ip, bits)
	return rest[1:], ""
}

// maskBits reads a netmask such as 255.255.0.0.
func maskBits(mask string) (bits int, ok bool) {
	ip, err := netip.ParseAddr(mask)
	if err != nil {
		return 0, false
	}
	seenZero := false
	for _, octet := range ip.AsSlice() {
		for bit := 7; bit >= 0; bit-- {
			set := octet>>bit&1 == 1
			if set && seenZero {
				return 0, false
			}
			seenZero = seenZero || !set
			if set {
				bits++
			}
		}
	}
	return bits, true
}
