package database

import "testing"

func TestTheOrdersOfChangesAreCombined(t *testing.T) {
	t.Parallel()
	change := func(name string, order Order) ParameterChange { return ParameterChange{Name: name, Order: order} }
	for reason, test := range map[string]struct {
		changes []ParameterChange
		first   bool
		twice   string
	}{
		"nothing changes":           {nil, false, ""},
		"the order is all the same": {[]ParameterChange{change("a", AnyOrder)}, false, ""},
		"more of something":         {[]ParameterChange{change("a", AnyOrder), change("b", StandbysFirst)}, false, ""},
		"less of something":         {[]ParameterChange{change("a", AnyOrder), change("b", PrimaryFirst)}, true, ""},
		"more of one and less of another": {
			[]ParameterChange{change("a", StandbysFirst), change("b", PrimaryFirst), change("c", StandbysFirst)},
			false, "standbys are restarted twice: before the primary for more a, c, and after it for less b",
		},
	} {
		first, twice := RestartOrder(test.changes)
		if first != test.first || twice != test.twice {
			t.Errorf("%s: got %v, %q", reason, first, twice)
		}
	}
}
