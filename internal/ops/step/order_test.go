package step

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// fleet is a set of pods that change by themselves in any order: they go after an eviction, come again, become ready,
// and one that is back may fall ill and recover.
type fleet struct {
	pods    []Pod
	evicted []string
	ill     int // how often a pod may still fall ill
}

// moves lists everything that may happen next, other than an eviction.
func (f fleet) moves(targets []opsv1alpha1.Target) []fleet {
	var next []fleet
	change := func(do func(*fleet)) {
		c := fleet{slices.Clone(f.pods), slices.Clone(f.evicted), f.ill}
		do(&c)
		next = append(next, c)
	}
	for i, p := range f.pods {
		switch {
		case p.Deleting:
			change(func(c *fleet) { c.pods = slices.Delete(c.pods, i, i+1) })
		case !p.Back:
			change(func(c *fleet) { c.pods[i].Back = true })
		case f.ill > 0:
			change(func(c *fleet) { c.pods[i].Back = false; c.ill-- })
		}
	}
	for _, t := range targets {
		if !slices.ContainsFunc(f.pods, func(p Pod) bool { return p.Name == t.Name }) {
			change(func(c *fleet) {
				c.pods = append(c.pods, Pod{Name: t.Name, UID: types.UID(fmt.Sprintf("%s'", t.UID))})
			})
		}
	}
	return next
}

func (f fleet) key() string { return fmt.Sprintf("%+v", f) }

// Every state that can be reached is visited, with the engine deciding in each of them or not.
func TestARollingRestartInEveryPossibleOrderOfEvents(t *testing.T) {
	t.Parallel()
	targets := []opsv1alpha1.Target{{Name: "a", UID: "1"}, {Name: "b", UID: "2"}, {Name: "c", UID: "3"}}
	start := fleet{ill: 2}
	for _, target := range targets {
		start.pods = append(start.pods, Pod{Name: target.Name, UID: target.UID, Back: true})
	}
	seen := map[string]bool{}
	finished := 0
	for queue := []fleet{start}; len(queue) > 0; queue = queue[1:] {
		f := queue[0]
		if seen[f.key()] {
			continue
		}
		seen[f.key()] = true
		queue = append(queue, f.moves(targets)...)
		switch d := Next(targets, f.pods); d.Action {
		case Evict:
			queue = append(queue, evictIn(t, f, targets[d.Target]))
		case Finished:
			finished++
			if want := []string{"a", "b", "c"}; !slices.Equal(f.evicted, want) {
				t.Fatalf("finished after evicting %v, want %v", f.evicted, want)
			}
		case AwaitGone, AwaitBack:
			if d.Why == "" {
				t.Fatalf("waits without saying for what in %+v", f)
			}
		}
	}
	if finished == 0 || len(seen) < 100 {
		t.Errorf("%d states, %d of them finished: the search found too little", len(seen), finished)
	}
}

// evictIn evicts a target, checking that it may be.
func evictIn(t *testing.T, f fleet, target opsv1alpha1.Target) fleet {
	t.Helper()
	if slices.Contains(f.evicted, target.Name) {
		t.Fatalf("%s is evicted twice", target.Name)
	}
	next := fleet{slices.Clone(f.pods), append(slices.Clone(f.evicted), target.Name), f.ill}
	for i, p := range next.pods {
		if p.Name == target.Name {
			next.pods[i].Deleting, next.pods[i].Back = true, false
		}
	}
	for _, name := range f.evicted {
		at := slices.IndexFunc(f.pods, func(p Pod) bool { return p.Name == name })
		if at < 0 || !f.pods[at].Back {
			t.Fatalf("%s is evicted while %s is away: %+v", target.Name, name, f.pods)
		}
	}
	return next
}

func TestNextSaysWhatIsToBeDone(t *testing.T) {
	t.Parallel()
	targets := []opsv1alpha1.Target{{Name: "a", UID: "1"}, {Name: "b", UID: "2"}}
	cases := map[string]struct {
		pods []Pod
		want Decision
	}{
		"nothing was done": {
			pods: []Pod{{Name: "a", UID: "1", Back: true}, {Name: "b", UID: "2", Back: true}},
			want: Decision{Evict, 0, "pod a is next"},
		},
		"the first one drains": {
			pods: []Pod{{Name: "a", UID: "1", Deleting: true}, {Name: "b", UID: "2", Back: true}},
			want: Decision{AwaitGone, 0, "pod a to finish its sessions and go"},
		},
		"the first one is gone": {
			pods: []Pod{{Name: "b", UID: "2", Back: true}},
			want: Decision{AwaitBack, 0, "pod a to be created again"},
		},
		"its successor starts": {
			pods: []Pod{{Name: "a", UID: "9", Lacks: "not ready yet"}, {Name: "b", UID: "2", Back: true}},
			want: Decision{AwaitBack, 0, "pod a: not ready yet"},
		},
		"its successor is back": {
			pods: []Pod{{Name: "a", UID: "9", Back: true}, {Name: "b", UID: "2", Back: true}},
			want: Decision{Evict, 1, "pod b is next"},
		},
		"the first one falls ill again": {
			pods: []Pod{{Name: "a", UID: "9", Lacks: "not ready yet"}, {Name: "b", UID: "8", Back: true}},
			want: Decision{AwaitBack, 0, "pod a: not ready yet"},
		},
		"all are back": {
			pods: []Pod{{Name: "a", UID: "9", Back: true}, {Name: "b", UID: "8", Back: true}},
			want: Decision{Finished, 2, "every pod was restarted"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Next(targets, tc.pods)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrderPutsTheSickFirstAndThePrimaryLast(t *testing.T) {
	t.Parallel()
	member := func(ordinal int, role string, ready bool) database.Member {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(ordinal)}}
		return database.Member{Pod: pod, Ordinal: ordinal, Role: role, Ready: ready}
	}
	cases := map[string]struct {
		members []database.Member
		first   bool
		want    string
	}{
		"equals by ordinal": {
			members: []database.Member{member(0, "", true), member(1, "", true), member(2, "", true)}, want: "0 1 2",
		},
		"the primary last": {
			members: []database.Member{
				member(0, naming.RolePrimary, true), member(1, naming.RoleStandby, true), member(2, naming.RoleStandby, true),
			},
			want: "1 2 0",
		},
		"what does not serve first": {
			members: []database.Member{
				member(0, naming.RolePrimary, true), member(1, naming.RoleStandby, true), member(2, naming.RoleStandby, false),
			},
			want: "2 1 0",
		},
		"read replicas before standbys": {
			members: []database.Member{
				member(0, naming.RolePrimary, true), member(1, naming.RoleStandby, true), member(7, naming.RoleReadReplica, true),
			},
			want: "7 1 0",
		},
		"the primary first": {
			members: []database.Member{
				member(0, naming.RolePrimary, true), member(1, naming.RoleStandby, true), member(2, naming.RoleStandby, false),
			},
			first: true, want: "0 2 1",
		},
		"a primary that does not serve, too": {
			members: []database.Member{member(0, naming.RoleStandby, true), member(1, naming.RolePrimary, false)}, want: "1 0",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, m := range Order(tc.members, tc.first) {
				got = append(got, m.Pod.Name)
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("order %v, want %s", got, tc.want)
			}
		})
	}
}
