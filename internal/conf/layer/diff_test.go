package layer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

func text(value string) *string { return &value }

func TestDiffTellsWhatChangedAndWhatItTakes(t *testing.T) {
	t.Parallel()
	k := know{verdicts: map[string]layer.Verdict{"work_mem": layer.Reload, "gone": layer.Reload}}
	got := layer.Diff(
		of("gone", "1", "same", "x", "work_mem", "1MB", "port", "1"),
		of("port", "2", "same", "x", "work_mem", "2MB", "added", "y"), k)
	want := layer.Changes{
		{Name: "port", Old: text("1"), New: text("2"), Verdict: layer.Restart},
		{Name: "work_mem", Old: text("1MB"), New: text("2MB"), Verdict: layer.Reload},
		{Name: "added", New: text("y"), Verdict: layer.Restart},
		{Name: "gone", Old: text("1"), Verdict: layer.Reload},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnotherSpellingOfTheSameValueIsNoChange(t *testing.T) {
	t.Parallel()
	k := know{spellings: map[string]string{"1GB": "1024MB"}, defaults: map[string]string{"a": "1024MB", "b": "1GB"}}
	for reason, change := range map[string][2]*conf.Settings{
		"spelled differently":               {of("x", "1GB"), of("x", "1024MB")},
		"the default spelled out":           {of(), of("a", "1GB")},
		"the default no longer spelled out": {of("b", "1024MB"), of()},
		"another order":                     {of("x", "1", "y", "2"), of("y", "2", "x", "1")},
		"nothing at all":                    {nil, nil},
	} {
		if got := layer.Diff(change[0], change[1], k); len(got) != 0 || got.Verdict() != layer.None {
			t.Errorf("%s: got %+v", reason, got)
		}
	}
}

func TestNamesCompareWithoutCaseIfEitherSideDoes(t *testing.T) {
	t.Parallel()
	folded := conf.NewSettings(conf.IgnoreCase, conf.Setting{Name: "TimeZone", Value: "UTC"})
	if got := layer.Diff(folded, of("timezone", "UTC"), know{}); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	if got := layer.Diff(of("timezone", "CET"), folded, know{}); len(got) != 1 || *got[0].Old != "CET" {
		t.Errorf("got %+v", got)
	}
}

func TestAnUnknownDefaultIsAChange(t *testing.T) {
	t.Parallel()
	got := layer.Diff(of(), of("x", ""), know{})
	if len(got) != 1 || got[0].Old != nil || *got[0].New != "" {
		t.Errorf("got %+v", got)
	}
}

func TestTheStrongestVerdictCounts(t *testing.T) {
	t.Parallel()
	k := know{verdicts: map[string]layer.Verdict{"a": layer.Reload, "b": layer.Reconnect, "c": layer.Reload, "d": layer.None}}
	changes := layer.Diff(nil, of("a", "1", "b", "1", "c", "1", "d", "1"), k)
	if changes.Verdict() != layer.Reconnect {
		t.Errorf("got %s", changes.Verdict())
	}
	if diff := cmp.Diff([]string{"a", "c"}, changes.Names(layer.Reload)); diff != "" {
		t.Error(diff)
	}
	if got := changes.Names(layer.Restart); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestVerdictsAndOriginsHaveNames(t *testing.T) {
	t.Parallel()
	for verdict, want := range map[layer.Verdict]string{
		layer.None: "none", layer.Reload: "reload", layer.Reconnect: "reconnect", layer.Restart: "restart",
	} {
		if verdict.String() != want {
			t.Errorf("got %s, want %s", verdict, want)
		}
	}
	for origin, want := range map[layer.Origin]string{
		layer.Default: "default", layer.Tuned: "tuned", layer.User: "user", layer.Mandatory: "mandatory",
	} {
		if origin.String() != want {
			t.Errorf("got %s, want %s", origin, want)
		}
	}
}
