package table_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf/catalog/table"
)

var (
	port    = table.Facts{Name: "port", Kind: "int", Min: "1", Max: "65535", Default: "5432", HasDefault: true, Context: "INIT"}
	prefix  = table.Facts{Name: "prefix", Kind: "string", Default: "%t\t\"x\" \n", HasDefault: true, Context: "RELOAD"}
	level   = table.Facts{Name: "level", Kind: "enum", Values: []string{"read committed", "off"}, Hidden: []string{"0", "no"}, Context: "RELOAD"}
	host    = table.Facts{Name: "host", Kind: "string", Members: 128, Context: "RELOAD"}
	period  = table.Facts{Name: "period", Kind: "int", Unit: "s", Members: 128, Bare: true, HasDefault: true, Context: "RELOAD"}
	nothing = table.Facts{Name: "nothing", Kind: "string", Context: "x"}
)

func changed(f table.Facts, change func(*table.Facts)) table.Facts {
	change(&f)
	return f
}

func TestVersionsWithTheSameFactsShareARow(t *testing.T) {
	t.Parallel()
	open := changed(port, func(f *table.Facts) { f.Min = "0" })
	got := table.Merge([]string{"1", "2", "3", "4"}, map[string][]table.Facts{
		"1": {port, host}, "2": {port}, "3": {open, host, level}, "4": {port, host, level},
	})
	want := table.Table{Versions: []string{"1", "2", "3", "4"}, Rows: []table.Row{
		{First: "1", Last: "1", Facts: host}, {First: "3", Last: "4", Facts: host},
		{First: "3", Last: "4", Facts: level},
		{First: "1", Last: "2", Facts: port}, {First: "3", Last: "3", Facts: open}, {First: "4", Last: "4", Facts: port},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]table.Facts{"port": port}, got.At("2")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]table.Facts{"port": open, "host": host, "level": level}, got.At("3")); diff != "" {
		t.Error(diff)
	}
}

func TestATableIsReadBackAsWritten(t *testing.T) {
	t.Parallel()
	written := table.Merge([]string{"1.15", "1.16"}, map[string][]table.Facts{
		"1.15": {port, prefix, level, host, period, nothing},
		"1.16": {port, prefix, level, host, period, changed(nothing, func(f *table.Facts) { f.HasDefault = true })},
	})
	read, err := table.Parse("# a comment\n" + written.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(written, read); diff != "" {
		t.Error(diff)
	}
}

func TestABadTableIsRefused(t *testing.T) {
	t.Parallel()
	for reason, test := range map[string][2]string{
		"too few columns":      {"1\n1\tport\tint", "line 2: 3 columns instead of 9"},
		"an unlisted version":  {"1\n2\tport\tint\tx\t\t\t\t\t", "line 2: port: a version that the table does not list"},
		"a bad default":        {"1\n1\tport\tint\tx\t\t\t\t\t5432", "port: default 5432"},
		"a bad size of family": {"1\n1\tport[x]\tint\tx\t\t\t\t\t", "not a number of members"},
	} {
		if _, err := table.Parse(test[0]); err == nil || !strings.Contains(err.Error(), test[1]) {
			t.Errorf("%s: got %v", reason, err)
		}
	}
}
