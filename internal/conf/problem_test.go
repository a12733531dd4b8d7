package conf_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/conf"
)

func TestWhatARequestAsksForMustNotGiveWay(t *testing.T) {
	t.Parallel()
	found := conf.Problems{{Name: "port", Warning: true, Owned: true}, {Name: "my.ext", Warning: true}}
	if found.Err() != nil {
		t.Error("in a specification it is no error")
	}
	asked := found.Asked()
	if err := asked.Err(); err == nil || !strings.Contains(err.Error(), "port") || len(asked.Warnings()) != 1 {
		t.Errorf("got %v", asked)
	}
}

func TestAProblemSaysWhereAndWhat(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]conf.Problem{
		`line 3: work_mem = "4XB": has the unit "XB"`: {Line: 3, Name: "work_mem", Value: "4XB", Message: `has the unit "XB"`},
		`line 2: "a b c": expected: name = value`:     {Line: 2, Text: "a b c", Message: "expected: name = value"},
		`[databases] x = "port=0": must be a port`:    {Section: "databases", Name: "x", Value: "port=0", Message: "must be a port"},
		`wal_level = "": is needed`:                   {Name: "wal_level", Message: "is needed"},
		`is empty`:                                    {Message: "is empty"},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestOnlyErrorsForbid(t *testing.T) {
	t.Parallel()
	problems := conf.Problems{{Message: "one"}, {Message: "two", Warning: true}, {Message: "three"}}
	if err := problems.Err(); err == nil || err.Error() != "one\nthree" {
		t.Errorf("got %v", err)
	}
	if got := problems.Warnings(); len(got) != 1 || got[0].Message != "two" {
		t.Errorf("got %v", got)
	}
	if err := problems.Warnings().Err(); err != nil {
		t.Errorf("warnings forbid: %v", err)
	}
	if err := (conf.Problems)(nil).Err(); err != nil {
		t.Errorf("nothing forbids: %v", err)
	}
}

func TestProblemsCanBeTakenFromAnError(t *testing.T) {
	t.Parallel()
	var problems conf.Problems
	if !errors.As(conf.Problems{{Line: 4, Message: "bad"}}.Err(), &problems) || problems[0].Line != 4 {
		t.Errorf("got %v", problems)
	}
}
