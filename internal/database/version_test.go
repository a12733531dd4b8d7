package database

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func postgresCatalog() []CatalogVersion {
	pg := func(name, version string) CatalogVersion {
		return CatalogVersion{
			Name: name, Version: version, Allow: []string{">= " + version}, Series: strings.SplitN(version, ".", 2)[0],
			SeriesHint: "which has to convert the data", Fixed: map[string]string{"base OS": "bookworm", "distribution": "Official"},
		}
	}
	alpine := pg("15.20-alpine", "15.20")
	alpine.Fixed = map[string]string{"base OS": "alpine", "distribution": "Official"}
	unsaid := pg("15.21-any", "15.21")
	unsaid.Fixed = nil
	old := pg("15.19", "15.19")
	old.Deprecated = true
	careful := pg("15.10", "15.10")
	careful.Deny = []string{"15.18"}
	broken := pg("15.11", "15.11")
	broken.Allow = []string{"whatever"}
	return []CatalogVersion{
		pg("17.2", "17.2"), pg("15.20", "15.20"), pg("15.18", "15.18"), alpine, unsaid, old, careful, broken, pg("15.2", "15.2"), pg("odd", "x"),
	}
}

func TestAnUpdateIsRefusedWithTheVersionsThatWouldBeAllowed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ reason, from, to, want string }{
		{"a newer minor version", "15.18", "15.20", ""},
		{"of which nothing is said about the base", "15.18", "15.21-any", ""},
		{"versions are numbers, not text", "15.2", "15.18", ""},
		{"the same", "15.18", "15.18", "has this version already"},
		{"older", "15.20", "15.18", "15.18 is older"},
		{"absent", "15.18", "15.99", `no version "15.99"`},
		{"the present one is absent", "14.1", "15.18", "no longer has the present version"},
		{"deprecated", "15.18", "15.19", "15.19 is deprecated"},
		{"another base", "15.18", "15.20-alpine", "base OS differs: 15.18 has bookworm, 15.20-alpine has alpine"},
		{"a major version", "15.18", "17.2", "another major version (17, now 15), which has to convert the data"},
		{"denied", "15.10", "15.18", `denied by updateConstraints.denylist "15.18"`},
		{"an unreadable range", "15.11", "15.18", `range "whatever"`},
		{"an unreadable version", "15.18", "odd", `it is version "x"`},
	} {
		err := CheckUpdate(test.from, test.to, postgresCatalog())
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.reason, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %q", test.reason, err, test.want)
		}
	}
	err := CheckUpdate("15.18", "15.2", postgresCatalog())
	want := "upgrade from version 15.18 to 15.2 is not supported: 15.2 is older (15.2, now 15.18); allowed are 15.20, 15.21-any"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := CheckUpdate("15.21-any", "15.20", postgresCatalog()); !strings.Contains(err.Error(), "no version that it can be updated to") {
		t.Errorf("got %v", err)
	}
}

func TestWithoutAnAllowlistNothingIsAllowed(t *testing.T) {
	t.Parallel()
	catalog := []CatalogVersion{{Name: "1", Version: "1"}, {Name: "2", Version: "2"}}
	if got := Updates("1", catalog); len(got) != 0 {
		t.Errorf("allowed are %v", got)
	}
	catalog[0].Allow = []string{"< 2", ">= 2, < 3"}
	if diff := cmp.Diff([]string{"2"}, Updates("1", catalog)); diff != "" {
		t.Error(diff)
	}
}
