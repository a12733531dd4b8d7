package conf_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf"
)

func pairs(s *conf.Settings) []string {
	var list []string
	for one := range s.All() {
		list = append(list, one.Name+"="+one.Value)
	}
	return list
}

func of(c conf.Case, words ...string) *conf.Settings {
	s := conf.NewSettings(c)
	for i := 0; i < len(words); i += 2 {
		s.Set(words[i], words[i+1])
	}
	return s
}

func want(t *testing.T, s *conf.Settings, list ...string) {
	t.Helper()
	if diff := cmp.Diff(list, pairs(s)); diff != "" {
		t.Error(diff)
	}
}

func TestSettingANameAgainKeepsItsPlace(t *testing.T) {
	t.Parallel()
	s := of(conf.ExactCase, "a", "1", "b", "2", "a", "3")
	want(t, s, "a=3", "b=2")
}

func TestNamesCompareAsTheServerDoes(t *testing.T) {
	t.Parallel()
	want(t, of(conf.ExactCase, "Port", "1", "port", "2"), "Port=1", "port=2")
	want(t, of(conf.IgnoreCase, "TimeZone", "UTC", "timezone", "CET"), "timezone=CET")
	if _, ok := of(conf.IgnoreCase, "TimeZone", "UTC").Get("TIMEZONE"); !ok {
		t.Error("TIMEZONE not found")
	}
	if of(conf.IgnoreCase, "Ä", "1").Has("ä") {
		t.Error("only ASCII letters fold in PostgreSQL")
	}
}

func TestDeletingKeepsTheOthersInOrderAndReachable(t *testing.T) {
	t.Parallel()
	s := of(conf.ExactCase, "a", "1", "b", "2", "c", "3")
	if !s.Delete("a") || s.Delete("a") {
		t.Error("Delete must say whether the name was there")
	}
	s.Set("c", "4")
	s.Set("a", "5")
	want(t, s, "b=2", "c=4", "a=5")
}

func TestMergeLetsTheSecondWinAndChangesNeither(t *testing.T) {
	t.Parallel()
	base, over := of(conf.ExactCase, "a", "1", "b", "2"), of(conf.ExactCase, "c", "3", "a", "4")
	want(t, base.Merge(over), "a=4", "b=2", "c=3")
	want(t, base, "a=1", "b=2")
	want(t, over, "c=3", "a=4")
}

func TestMergeIgnoresCaseIfEitherDoes(t *testing.T) {
	t.Parallel()
	base := of(conf.ExactCase, "TimeZone", "UTC")
	want(t, base.Merge(of(conf.IgnoreCase, "timezone", "CET")), "timezone=CET")
}

func TestACloneIsIndependent(t *testing.T) {
	t.Parallel()
	s := of(conf.IgnoreCase, "a", "1")
	c := s.Clone()
	c.Set("A", "2")
	c.Delete("a")
	want(t, s, "a=1")
	if c.Case() != conf.IgnoreCase || c.Len() != 0 {
		t.Errorf("clone: %v with %d settings", c.Case(), c.Len())
	}
}

func TestNilReadsAsEmpty(t *testing.T) {
	t.Parallel()
	var s *conf.Settings
	if s.Len() != 0 || s.Has("a") || s.Delete("a") || len(s.Names()) != 0 || s.Clone().Len() != 0 || !s.Equal(&conf.Settings{}) {
		t.Error("nil is not empty")
	}
	want(t, s.Merge(of(conf.ExactCase, "a", "1")), "a=1")
	want(t, of(conf.ExactCase, "a", "1").Merge(nil), "a=1")
}

func TestTheZeroValueIsReadyToUse(t *testing.T) {
	t.Parallel()
	var s conf.Settings
	s.Add(conf.Setting{Name: "a", Value: "1", Line: 7})
	if one, ok := s.Lookup("a"); !ok || one.Line != 7 {
		t.Errorf("got %+v, %v", one, ok)
	}
}

func TestEqualIgnoresLinesButNotOrder(t *testing.T) {
	t.Parallel()
	a := of(conf.ExactCase, "a", "1", "b", "2")
	b := conf.NewSettings(conf.ExactCase, conf.Setting{Name: "a", Value: "1", Line: 3}, conf.Setting{Name: "b", Value: "2"})
	if !a.Equal(b) {
		t.Error("lines matter")
	}
	if a.Equal(of(conf.ExactCase, "b", "2", "a", "1")) {
		t.Error("order does not matter")
	}
	if a.Equal(of(conf.ExactCase, "a", "1", "b", "3")) || a.Equal(of(conf.ExactCase, "a", "1")) {
		t.Error("values or length do not matter")
	}
}

func TestIterationCanStop(t *testing.T) {
	t.Parallel()
	for one := range of(conf.ExactCase, "a", "1", "b", "2").All() {
		if one.Name == "b" {
			t.Error("went on")
		}
		break
	}
}

// A user's Secret may hold a megabyte of names; deleting from and adding to it
// must stay correct when many positions move.
func TestManyDeletionsLeaveTheRest(t *testing.T) {
	t.Parallel()
	s := &conf.Settings{}
	var rest []string
	for i := range 300 {
		s.Set(strconv.Itoa(i), "x")
		if i%3 == 0 {
			rest = append(rest, strconv.Itoa(i))
		}
	}
	for i := range 300 {
		if i%3 != 0 {
			s.Delete(strconv.Itoa(i))
		}
	}
	if !slices.Equal(s.Names(), rest) {
		t.Errorf("left: %v", s.Names())
	}
	for _, name := range rest {
		if !s.Has(name) {
			t.Errorf("%s is not found any more", name)
		}
	}
}
