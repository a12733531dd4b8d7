package table

import (
	"fmt"
	"strconv"
	"strings"
)

// A row has nine columns, separated by tabs:
// versions, name, kind, context, unit, min, max, values (separated by |, hidden
// ones in parentheses), default (quoted as in Go; empty if there is none).
// A family's name is followed by its number of members: backend_hostname[128],
// or health_check_period[128]? if the name without a number is allowed as well.
const columns = 9

func (f Facts) columns() string {
	value := ""
	if f.HasDefault {
		value = strconv.Quote(f.Default)
	}
	name := f.Name
	if f.Members > 0 {
		name += fmt.Sprintf("[%d]", f.Members)
	}
	if f.Bare {
		name += "?"
	}
	words := f.Values
	for _, word := range f.Hidden {
		words = append(words[:len(words):len(words)], "("+word+")")
	}
	return strings.Join([]string{
		name, f.Kind, f.Context, f.Unit, f.Min, f.Max, strings.Join(words, "|"), value,
	}, "\t")
}

func parseRow(line string) (Row, error) {
	cells := strings.Split(line, "\t")
	if len(cells) != columns {
		return Row{}, fmt.Errorf("%d columns instead of %d", len(cells), columns)
	}
	row := Row{Facts: Facts{Kind: cells[2], Context: cells[3], Unit: cells[4], Min: cells[5], Max: cells[6]}}
	row.First, row.Last, _ = strings.Cut(cells[0], "-")
	if row.Last == "" {
		row.Last = row.First
	}
	if err := row.name(cells[1]); err != nil {
		return Row{}, err
	}
	for word := range strings.SplitSeq(cells[7], "|") {
		if hidden, ok := strings.CutPrefix(word, "("); ok {
			row.Hidden = append(row.Hidden, strings.TrimSuffix(hidden, ")"))
		} else if word != "" {
			row.Values = append(row.Values, word)
		}
	}
	if cells[8] == "" {
		return row, nil
	}
	value, err := strconv.Unquote(cells[8])
	if err != nil {
		return Row{}, fmt.Errorf("%s: default %s: %w", row.Name, cells[8], err)
	}
	row.Default, row.HasDefault = value, true
	return row, nil
}

func (r *Row) name(cell string) error {
	name, bare := strings.CutSuffix(cell, "?")
	r.Bare = bare
	name, members, family := strings.Cut(name, "[")
	r.Name = name
	if !family {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(members, "]"))
	if err != nil || n < 1 {
		return fmt.Errorf("%s: not a number of members", cell)
	}
	r.Members = n
	return nil
}
