package catalog

import (
	"slices"
	"strconv"

	"github.com/matriarchdb/matriarch/internal/conf/catalog/table"
)

// fact is what is known of a parameter, and whether it is known for sure.
type fact struct {
	table.Facts
	uncertain bool
}

// between tells what a version that was not measured knows, from its neighbours:
// what they agree on, and otherwise what the release notes settle. What they
// leave open is uncertain: the parameter is taken to exist, to need the stronger
// effort, and to allow what either neighbour allows.
func (s *server) between(after int, r release) map[string]fact {
	older, newer := s.table.At(s.table.Versions[after-1]), s.table.At(s.table.Versions[after])
	known := map[string]fact{}
	for name, a := range older {
		b, both := newer[name]
		switch settled, isNew := s.settle(name, after, r); {
		case settled && isNew && both:
			known[name] = fact{Facts: dubiousDefault(b, a)}
		case settled && !isNew, both && same(a, b):
			known[name] = fact{Facts: dubiousDefault(a, b)}
		case settled: // gone
		case both:
			known[name] = fact{Facts: union(a, b), uncertain: true}
		default:
			known[name] = fact{Facts: a, uncertain: true}
		}
	}
	for name, b := range newer {
		if _, both := older[name]; both {
			continue
		}
		settled, isNew := s.settle(name, after, r)
		if !settled || isNew {
			known[name] = fact{Facts: b, uncertain: !settled}
		}
	}
	return known
}

// settle says whether the release notes date the change of name between the
// measured versions before and at after, and if so whether r already has it.
func (s *server) settle(name string, after int, r release) (settled, isNew bool) {
	for _, began := range s.began[name] {
		if s.measured[after-1].less(began) && !s.measured[after].less(began) {
			return true, !r.less(began)
		}
	}
	return false, false
}

// same says whether two versions treat values of a parameter alike; defaults
// may differ.
func same(a, b table.Facts) bool {
	a.Default, a.HasDefault, b.Default, b.HasDefault = "", false, "", false
	return slices.Equal(a.Values, b.Values) && slices.Equal(a.Hidden, b.Hidden) &&
		a.Name == b.Name && a.Kind == b.Kind && a.Unit == b.Unit && a.Min == b.Min && a.Max == b.Max &&
		a.Context == b.Context && a.Members == b.Members && a.Bare == b.Bare
}

// dubiousDefault is a without its default if b has another: nobody noted when it
// changed.
func dubiousDefault(a, b table.Facts) table.Facts {
	if a.Default != b.Default || a.HasDefault != b.HasDefault {
		a.Default, a.HasDefault = "", false
	}
	return a
}

func union(a, b table.Facts) table.Facts {
	u := dubiousDefault(b, a)
	if a.Kind != b.Kind || a.Unit != b.Unit {
		u.Kind, u.Unit, u.Min, u.Max, u.Values, u.Hidden = "string", "", "", "", nil, nil
		return u
	}
	if effort(a.Context) > effort(b.Context) {
		u.Context = a.Context
	}
	for _, word := range a.Values {
		if !slices.Contains(u.Values, word) {
			u.Values = append(slices.Clip(u.Values), word)
		}
	}
	u.Min, u.Max = bound(a.Min, b.Min, -1), bound(a.Max, b.Max, 1)
	u.Members, u.Bare = max(a.Members, b.Members), a.Bare || b.Bare
	return u
}

// bound returns the wider of two bounds; side is -1 for the lower one.
func bound(a, b string, side float64) string {
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	if errA != nil || errB != nil {
		return ""
	}
	if x*side > y*side {
		return a
	}
	return b
}

// gaps adds to a measured version what both an older and a newer one know: such
// parameters come and go with minor releases (security fixes) and with the
// distribution, and the measured minor is not the one in use.
func (s *server) gaps(c *Catalog, at int) {
	older, newer := map[string]table.Facts{}, map[string]table.Facts{}
	for i, version := range s.table.Versions {
		for name, facts := range s.table.At(version) {
			switch {
			case i < at:
				older[name] = facts
			case i > at:
				newer[name] = facts
			}
		}
	}
	for name, facts := range older {
		_, again := newer[name]
		if _, known := c.parameters[c.key(name)]; again && !known {
			c.parameters[c.key(name)] = fact{Facts: facts, uncertain: true}
		}
	}
}
