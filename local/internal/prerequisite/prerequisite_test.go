package prerequisite

import (
	"slices"
	"strings"
	"testing"
)

func TestTheListNamesAProgramForEveryPackage(t *testing.T) {
	t.Parallel()
	list := requirements(packages)
	lines := 0
	for line := range strings.Lines(packages) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines++
		}
	}
	if len(list) == 0 || len(list) != lines {
		t.Errorf("%d of %d lines are understood: %v", len(list), lines, list)
	}
	for _, want := range []string{"containerd", "runc", "nftables", "xfsprogs"} {
		if !slices.Contains(names(list), want) {
			t.Errorf("%s is not in the list", want)
		}
	}
}

func TestCommentsAndBlankLinesAreNoRequirements(t *testing.T) {
	t.Parallel()
	list := requirements("# head\n\na b # why\n  c   /d/e\nincomplete\n")
	if !slices.Equal(list, []requirement{{"a", "b"}, {"c", "/d/e"}}) {
		t.Errorf("got %v", list)
	}
}

func TestOnlyWhatIsMissingIsInstalledAndNamed(t *testing.T) {
	t.Parallel()
	list := []requirement{{"here", "h"}, {"gone", "g"}, {"lost", "/usr/lib/l"}}
	missing := absent(list, func(program string) bool { return program == "h" })
	if !slices.Equal(names(missing), []string{"gone", "lost"}) {
		t.Errorf("missing are %v", missing)
	}
	if text := describe(missing); text != "g (package gone), /usr/lib/l (package lost)" {
		t.Errorf("the person reads %q", text)
	}
}

func TestProgramsAreFoundWithoutRootsPath(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]bool{"sh": true, "/bin/sh": true, "no-such-program": false, "/no/such": false} {
		if present(program) != want {
			t.Errorf("present(%q) is %v", program, !want)
		}
	}
}
