package database

import (
	"fmt"
	"strings"
)

// Order is an order in which the members of a cluster take a new value of a parameter.
type Order int

// The orders.
const (
	// AnyOrder: it does not matter. The primary is last, because its restart is the one that is noticed.
	AnyOrder Order = iota
	// StandbysFirst: a standby must not have less than the primary, and there is to be more.
	StandbysFirst
	// PrimaryFirst: likewise, and there is to be less.
	PrimaryFirst
)

// RestartOrder combines the orders of changes: whether the primary is restarted first and, if no single order does for
// all of them, why standbys are restarted twice.
func RestartOrder(changes []ParameterChange) (primaryFirst bool, twice string) {
	names := map[Order][]string{}
	for _, c := range changes {
		names[c.Order] = append(names[c.Order], c.Name)
	}
	more, less := names[StandbysFirst], names[PrimaryFirst]
	if len(more) > 0 && len(less) > 0 {
		return false, fmt.Sprintf("standbys are restarted twice: before the primary for more %s, and after it for less %s",
			strings.Join(more, ", "), strings.Join(less, ", "))
	}
	return len(less) > 0, ""
}
