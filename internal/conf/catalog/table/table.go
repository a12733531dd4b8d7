// Package table is the format of the catalogs' data files: which facts are kept
// of a parameter, and how several versions of a server share one compact text.
package table

import (
	"fmt"
	"slices"
	"strings"
)

// Facts are what one server version says of one parameter. The words are the
// server's own.
type Facts struct {
	Name string
	// Kind is bool, int, real, string or enum.
	Kind string
	// Unit of a bare number, such as kB, 8kB, ms or s.
	Unit string
	// Min and Max of a number.
	Min, Max string
	// Values are the words of an enum; Hidden are accepted as well, but the
	// server does not advertise them (true for on).
	Values []string
	Hidden []string
	// Default is the built-in value; HasDefault tells an empty one from none.
	Default    string
	HasDefault bool
	// Context is when a value may change: PostgreSQL's pg_settings.context,
	// Pgpool-II's INIT, RELOAD or SESSION, PgBouncer's reload, restart or fixed.
	Context string
	// Members of a family of numbered names; 0 for a plain name. A family's Name
	// carries no number.
	Members int
	// Bare says that a family's name is also allowed without a number.
	Bare bool
}

// Row are facts and the measured versions, from First to Last, that share them.
type Row struct {
	First, Last string
	Facts
}

// Table is one server's data file.
type Table struct {
	// Versions that were measured, oldest first.
	Versions []string
	// Rows by name, then by version.
	Rows []Row
}

// Merge makes a table of the facts measured of each version, oldest first.
func Merge(versions []string, facts map[string][]Facts) Table {
	t := Table{Versions: versions}
	byName := map[string][]Row{}
	var names []string
	for i, version := range versions {
		for _, one := range facts[version] {
			rows := byName[one.Name]
			if len(rows) == 0 {
				names = append(names, one.Name)
			}
			if n := len(rows); n > 0 && i > 0 && rows[n-1].Last == versions[i-1] && rows[n-1].same(one) {
				rows[n-1].Last = version
				continue
			}
			byName[one.Name] = append(rows, Row{First: version, Last: version, Facts: one})
		}
	}
	slices.Sort(names)
	for _, name := range names {
		t.Rows = append(t.Rows, byName[name]...)
	}
	return t
}

func (r Row) same(f Facts) bool { return r.columns() == f.columns() }

// At returns the facts of one measured version by name.
func (t Table) At(version string) map[string]Facts {
	at := slices.Index(t.Versions, version)
	found := map[string]Facts{}
	for _, row := range t.Rows {
		if slices.Index(t.Versions, row.First) <= at && at <= slices.Index(t.Versions, row.Last) {
			found[row.Name] = row.Facts
		}
	}
	return found
}

// Parse reads a data file.
func Parse(text string) (Table, error) {
	var t Table
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			continue
		case t.Versions == nil:
			t.Versions = strings.Fields(line)
			continue
		}
		row, err := parseRow(line)
		if err != nil {
			return Table{}, fmt.Errorf("line %d: %w", i+1, err)
		}
		if !slices.Contains(t.Versions, row.First) || !slices.Contains(t.Versions, row.Last) {
			return Table{}, fmt.Errorf("line %d: %s: a version that the table does not list", i+1, row.Name)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// String writes the data file without comments; Parse reads it back.
func (t Table) String() string {
	var b strings.Builder
	b.WriteString(strings.Join(t.Versions, " ") + "\n")
	for _, row := range t.Rows {
		versions := row.First
		if row.Last != row.First {
			versions += "-" + row.Last
		}
		b.WriteString(versions + "\t" + row.columns() + "\n")
	}
	return b.String()
}
