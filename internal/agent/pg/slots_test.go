package pg

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestSlotNamesAreWhatPostgreSQLTakesAndDiffer(t *testing.T) {
	t.Parallel()
	allowed := regexp.MustCompile(`^matriarch_[a-z0-9_]{1,53}$`)
	seen := map[string]string{}
	long := strings.Repeat("x", 60)
	for _, pod := range []string{"pg-0", "pg-1", "pg-10", "pg-rr-0", "my.pg-0", long + "-0", long + "-1", long + "y-0"} {
		name := SlotName(pod)
		if !allowed.MatchString(name) {
			t.Errorf("the slot of %s is %q", pod, name)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s have the same slot %s", pod, other, name)
		}
		seen[name] = pod
	}
	if got := SlotName("pg-0"); got != "matriarch_pg_0" {
		t.Errorf("the slot of pg-0 is %s", got)
	}
}

func TestSlotsAreMadeDroppedAndRenewed(t *testing.T) {
	t.Parallel()
	for reason, test := range map[string]struct {
		have                []slot
		wanted              []string
		create, renew, drop []string
	}{
		"nothing is wanted and there is nothing": {},
		"a new member":                           {have: []slot{{name: "a"}}, wanted: []string{"a", "b"}, create: []string{"b"}},
		"a member that is away":                  {have: []slot{{name: "a"}}, wanted: []string{"a"}},
		"a member that is gone":                  {have: []slot{{name: "a"}}, drop: []string{"a"}},
		"a member that is gone and still there":  {have: []slot{{name: "a", active: true}}},
		"a member that was away for too long":    {have: []slot{{name: "a", lost: true}}, wanted: []string{"a"}, renew: []string{"a"}},
		"one of both":                            {have: []slot{{name: "a", lost: true}}, drop: []string{"a"}},
	} {
		got := planSlots(test.have, test.wanted)
		if !slices.Equal(got.create, test.create) || !slices.Equal(got.renew, test.renew) || !slices.Equal(got.drop, test.drop) {
			t.Errorf("%s: %+v", reason, got)
		}
	}
}

func TestTheConfigurationNamesTheMembersWithSlots(t *testing.T) {
	t.Parallel()
	if got := SlotMembers(apply.Files{naming.PostgresSlots: []byte("pg-0\npg-1\n")}); !slices.Equal(got, []string{"pg-0", "pg-1"}) {
		t.Errorf("%v", got)
	}
	if got := SlotMembers(nil); len(got) != 0 {
		t.Errorf("without the file there are %v", got)
	}
}
