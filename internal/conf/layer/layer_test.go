package layer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

// know is knowledge for tests: spellings maps a value to a common spelling,
// defaults and verdicts are by name.
type know struct {
	spellings map[string]string
	defaults  map[string]string
	verdicts  map[string]layer.Verdict
}

func (k know) Same(_, a, b string) bool { return k.spelling(a) == k.spelling(b) }

func (k know) spelling(value string) string {
	if common, ok := k.spellings[value]; ok {
		return common
	}
	return value
}

func (k know) Default(name string) (string, bool) {
	value, ok := k.defaults[name]
	return value, ok
}

func (k know) Judge(name string, _, _ *string) layer.Verdict {
	if verdict, ok := k.verdicts[name]; ok {
		return verdict
	}
	return layer.Restart
}

func of(words ...string) *conf.Settings {
	s := &conf.Settings{}
	for i := 0; i < len(words); i += 2 {
		s.Set(words[i], words[i+1])
	}
	return s
}

func TestTheStrongestLayerWinsAndIsNamed(t *testing.T) {
	t.Parallel()
	e := layer.Merge(layer.Layers{
		Default:   of("a", "default", "b", "default", "c", "default", "d", "default"),
		Tuned:     of("b", "tuned", "c", "tuned", "d", "tuned", "e", "tuned"),
		User:      of("c", "user", "d", "user", "f", "user"),
		Mandatory: of("d", "mandatory", "g", "mandatory"),
	})
	var got []string
	for _, entry := range e.Entries() {
		if entry.Value != entry.Origin.String() {
			t.Errorf("%s has the value of %s and the origin %s", entry.Name, entry.Value, entry.Origin)
		}
		got = append(got, entry.Name+"="+entry.Value)
	}
	want := []string{"a=default", "b=tuned", "c=user", "d=mandatory", "e=tuned", "f=user", "g=mandatory"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMissingLayersAreEmpty(t *testing.T) {
	t.Parallel()
	if e := layer.Merge(layer.Layers{}); e.Settings().Len() != 0 || len(e.Entries()) != 0 || len(e.Overrides(know{})) != 0 {
		t.Error("nothing became something")
	}
	e := layer.Merge(layer.Layers{User: of("a", "1")})
	if value, _ := e.Settings().Get("a"); value != "1" {
		t.Errorf("got %q", value)
	}
}

func TestTheResultMayBeChangedWithoutChangingTheLayers(t *testing.T) {
	t.Parallel()
	user := of("a", "1")
	e := layer.Merge(layer.Layers{User: user})
	e.Settings().Set("a", "2")
	if value, _ := user.Get("a"); value != "1" {
		t.Error("the user's layer changed")
	}
	if value, _ := e.Settings().Get("a"); value != "1" {
		t.Error("the result changed")
	}
}

// A layer that compares names with case meets one that does not.
func TestOverridesAreTheUsersSettingsThatDoNotCount(t *testing.T) {
	t.Parallel()
	user := conf.NewSettings(conf.IgnoreCase,
		conf.Setting{Name: "Port", Value: "1", Line: 3}, conf.Setting{Name: "ssl", Value: "true", Line: 4},
		conf.Setting{Name: "hot_standby", Value: "on", Line: 5}, conf.Setting{Name: "free", Value: "x", Line: 6})
	e := layer.Merge(layer.Layers{User: user, Mandatory: of("port", "5432", "ssl", "on", "hot_standby", "on")})
	got := e.Overrides(know{spellings: map[string]string{"true": "on"}})
	if len(got) != 1 || got[0].User.Line != 3 || got[0].InForce != "5432" {
		t.Errorf("got %+v", got)
	}
}
