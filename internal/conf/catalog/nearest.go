package catalog

import "strings"

// nearest returns the known name that is most like the given one, or "" if none
// is alike: at most a third of its letters would have to change.
func (c *Catalog) nearest(name string) string {
	best, least := "", len(name)/3+1
	number := name[len(strings.TrimRight(name, "0123456789")):]
	for _, known := range c.Names() {
		if c.parameters[c.key(known)].Members > 0 {
			known += number
		}
		if changes := distance(c.key(name), c.key(known)); changes < least {
			best, least = known, changes
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace to turn a into
// b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
