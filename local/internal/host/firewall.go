package host

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/local/internal/network"
)

// table is the firewall table that takes the cluster's outgoing connections.
func table(p network.Plan) string { return "matriarch_local_" + strings.ReplaceAll(p.ID(), "-", "_") }

// masqueradeScript gives connections from the cluster to the outside the
// machine's own address.
func masqueradeScript(p network.Plan) string {
	return fmt.Sprintf(`add table ip %[1]s
delete table ip %[1]s
table ip %[1]s {
	chain postrouting {
		type nat hook postrouting priority srcnat
		ip saddr %[2]s oifname != "%[3]s" masquerade
	}
}
`, table(p), p.Subnet(), p.Link())
}

// cutScript sets up the router so that nodes can be cut off: names in the two
// sets lose what goes to them, or what comes from them.
const cutScript = `add table inet matriarch
delete table inet matriarch
table inet matriarch {
	set cut_in { type ifname; }
	set cut_out { type ifname; }
	chain prerouting {
		type filter hook prerouting priority raw
		iifname @cut_out counter drop
	}
	chain postrouting {
		type filter hook postrouting priority 300
		oifname @cut_in counter drop
	}
}
`

// Masquerade lets the cluster reach the outside.
func Masquerade(ctx context.Context, p network.Plan) error {
	if _, err := Netns(0).run(ctx, masqueradeScript(p), "nft", "-f", "-"); err != nil {
		return fmt.Errorf("let the cluster reach the outside: %w", err)
	}
	return nil
}

// Unmasquerade undoes Masquerade.
func Unmasquerade(ctx context.Context, p network.Plan) error {
	script := fmt.Sprintf("add table ip %[1]s\ndelete table ip %[1]s\n", table(p))
	if _, err := Netns(0).run(ctx, script, "nft", "-f", "-"); err != nil {
		return fmt.Errorf("remove firewall table %s: %w", table(p), err)
	}
	return nil
}

// HealAll prepares the router for cutting nodes off; none is cut off after it.
func HealAll(ctx context.Context, router Netns) error {
	if _, err := router.run(ctx, cutScript, "nft", "-f", "-"); err != nil {
		return fmt.Errorf("connect all nodes: %w", err)
	}
	return nil
}

// Directions of a cut, seen from the node.
const (
	In   = "in"
	Out  = "out"
	Both = "both"
)

// setsOf are the firewall's sets for a direction.
func setsOf(direction string) ([]string, error) {
	switch direction {
	case In:
		return []string{"cut_in"}, nil
	case Out:
		return []string{"cut_out"}, nil
	case Both:
		return []string{"cut_in", "cut_out"}, nil
	}
	return nil, fmt.Errorf("direction %q: want in (what goes to the node), out (what comes from it) or both", direction)
}

// Cut drops the packets of a node's link in a direction.
func Cut(ctx context.Context, router Netns, link, direction string) error {
	return changeSets(ctx, router, link, direction, "add")
}

// Heal undoes Cut for a direction; one that was not cut is no error, for which
// the name is added first, in the same transaction: what is deleted must exist.
func Heal(ctx context.Context, router Netns, link, direction string) error {
	return changeSets(ctx, router, link, direction, "add", "delete")
}

func changeSets(ctx context.Context, router Netns, link, direction string, verbs ...string) error {
	sets, err := setsOf(direction)
	if err != nil {
		return err
	}
	var script strings.Builder
	for _, set := range sets {
		for _, verb := range verbs {
			fmt.Fprintf(&script, "%s element inet matriarch %s { %q }\n", verb, set, link)
		}
	}
	if _, err := router.run(ctx, script.String(), "nft", "-f", "-"); err != nil {
		return fmt.Errorf("change what is cut of %s: %w", link, err)
	}
	return nil
}

// Cuts says in which direction a link is cut; "" is none.
func Cuts(ctx context.Context, router Netns, link string) (string, error) {
	var cut []string
	for _, direction := range []string{In, Out} {
		listing, err := router.run(ctx, "", "nft", "list", "set", "inet", "matriarch", "cut_"+direction)
		if err != nil {
			return "", fmt.Errorf("see what is cut: %w", err)
		}
		if strings.Contains(listing, fmt.Sprintf("%q", link)) {
			cut = append(cut, direction)
		}
	}
	if slices.Equal(cut, []string{In, Out}) {
		return Both, nil
	}
	return strings.Join(cut, ""), nil
}
