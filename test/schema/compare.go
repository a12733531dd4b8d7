package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Finding is one way in which our CRDs do not do what the reference does.
type Finding struct {
	// Subject and Path are those of the fact.
	Subject, Path string
	// Attribute that differs; "missing" when the whole path is, "required" for a path of ours that must be given.
	Attribute string
	// Theirs and Ours are the values; empty when there is none.
	Theirs, Ours string
}

// String says the finding in one line.
func (f Finding) String() string {
	if f.Attribute == missing {
		return fmt.Sprintf("%s %s: missing", f.Subject, f.Path)
	}
	return fmt.Sprintf("%s %s: %s is %q, want %q", f.Subject, f.Path, f.Attribute, f.Ours, f.Theirs)
}

const (
	missing  = "missing"
	required = "required"
)

// Compare returns where ours is not what theirs is, in the order of theirs. What ours has in addition is no finding, as
// long as nobody has to give it. Below a path that is missing nothing more is said, nor about a kind that is missing.
func Compare(theirs, ours []Fact) []Finding {
	have, kinds, gone := index(ours), subjects(ours), map[string]bool{}
	var findings []Finding
	for _, want := range theirs {
		got, there := have[want.key()]
		switch {
		case there:
			findings = append(findings, differing(want, got)...)
		case !kinds[want.Subject]:
			if want.Path == kindPath {
				findings = append(findings, Finding{Subject: want.Subject, Path: want.Path, Attribute: missing})
			}
		case !belowAny(gone, want):
			gone[want.key()] = true
			findings = append(findings, Finding{Subject: want.Subject, Path: want.Path, Attribute: missing})
		}
	}
	return append(findings, demanding(index(theirs), ours)...)
}

// subjects are the kinds that the facts are about.
func subjects(facts []Fact) map[string]bool {
	out := map[string]bool{}
	for _, fact := range facts {
		out[fact.Subject] = true
	}
	return out
}

func index(facts []Fact) map[string]Fact {
	out := make(map[string]Fact, len(facts))
	for _, fact := range facts {
		out[fact.key()] = fact
	}
	return out
}

// belowAny says whether a path above the fact is among the keys.
func belowAny(keys map[string]bool, fact Fact) bool {
	for path := parent(fact.Path); path != ""; path = parent(path) {
		if keys[Fact{Subject: fact.Subject, Path: path}.key()] {
			return true
		}
	}
	return false
}

// parent cuts the last step off a path.
func parent(path string) string {
	if cut, found := strings.CutSuffix(path, "[]"); found {
		return cut
	}
	if cut, found := strings.CutSuffix(path, "{}"); found {
		return cut
	}
	return path[:max(0, strings.LastIndexByte(path, '.'))]
}

// differing compares the attributes of one path.
func differing(want, got Fact) []Finding {
	names := slices.Sorted(maps.Keys(want.Attributes))
	for name := range got.Attributes {
		if _, both := want.Attributes[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var findings []Finding
	for _, name := range names {
		if theirs, ours := want.Attributes[name], got.Attributes[name]; theirs != ours {
			findings = append(findings, Finding{want.Subject, want.Path, name, theirs, ours})
		}
	}
	return findings
}

// demanding returns the paths that only ours has and that must be given although what is above them is theirs.
func demanding(theirs map[string]Fact, ours []Fact) []Finding {
	var findings []Finding
	for _, fact := range ours {
		if _, both := theirs[fact.key()]; both || fact.Attributes[required] == "" {
			continue
		}
		above := parent(fact.Path)
		if _, known := theirs[Fact{Subject: fact.Subject, Path: above}.key()]; known || above == "" {
			findings = append(findings, Finding{fact.Subject, fact.Path, required, "", "true"})
		}
	}
	return findings
}
