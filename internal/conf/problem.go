package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a configuration, told so that its writer can
// put it right.
type Problem struct {
	// Line is where it stands in the text, counted from 1; 0 when unknown.
	Line int
	// Section of an ini file; empty for files without sections.
	Section string
	// Name and Value of the setting; Name is empty for a line that could not
	// be read at all.
	Name  string
	Value string
	// Text is the line itself, for a line that could not be read.
	Text string
	// Message says what is wrong and, where known, what would be right.
	Message string
	// Warning marks what is accepted all the same.
	Warning bool
	// Owned marks a setting that gives way to the operator's.
	Owned bool
}

// String reads like `line 3: work_mem = "4XB": …`, leaving out what is unknown.
func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", p.Line)
	}
	if p.Section != "" {
		fmt.Fprintf(&b, "[%s] ", p.Section)
	}
	switch {
	case p.Name != "":
		fmt.Fprintf(&b, "%s = %q: ", p.Name, p.Value)
	case p.Text != "":
		fmt.Fprintf(&b, "%q: ", p.Text)
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems are the findings about one text, in the order of the text.
type Problems []Problem

// Error joins all findings, one per line of output, so that Problems can be
// handed on as an error.
func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// Err returns the findings that forbid the use of the configuration as an
// error of type Problems, or nil when there is none.
func (ps Problems) Err() error {
	if errs := ps.which(false); len(errs) > 0 {
		return errs
	}
	return nil
}

// Warnings returns the findings that do not forbid it.
func (ps Problems) Warnings() Problems { return ps.which(true) }

// Asked returns the findings about what a request asks for: there a setting that gives way to the operator's is an error.
// In a database's own specification it is a warning, so that a manifest that carries one works all the same; but what a
// request asks for has to happen.
func (ps Problems) Asked() Problems {
	asked := slices.Clone(ps)
	for i := range asked {
		asked[i].Warning = asked[i].Warning && !asked[i].Owned
	}
	return asked
}

func (ps Problems) which(warning bool) Problems {
	var chosen Problems
	for _, p := range ps {
		if p.Warning == warning {
			chosen = append(chosen, p)
		}
	}
	return chosen
}
