package catalog

import (
	"fmt"
	"strconv"
	"strings"
)

// release is the part of a version that decides about parameters: the major of
// PostgreSQL, major and minor of the others.
type release [2]int

// parseRelease reads the leading numbers of a version, as many as count.
func parseRelease(version string, count int) (release, error) {
	var r release
	parts := strings.SplitN(version, ".", count+1)
	if len(parts) < count {
		return r, fmt.Errorf("%q is not a version", version)
	}
	for i := range count {
		digits := strings.IndexFunc(parts[i], func(c rune) bool { return c < '0' || c > '9' })
		if digits < 0 {
			digits = len(parts[i])
		}
		n, err := strconv.Atoi(parts[i][:digits])
		if err != nil {
			return r, fmt.Errorf("%q is not a version", version)
		}
		r[i] = n
	}
	return r, nil
}

// atLeast says whether version, with all its numbers, is wanted or later. What
// is not told counts as 0: "4.7" is not at least 4.7.3.
func atLeast(version string, wanted ...int) bool {
	rest := version
	for _, number := range wanted {
		var part string
		part, rest, _ = strings.Cut(rest, ".")
		n, _ := strconv.Atoi(part)
		if n != number {
			return n > number
		}
	}
	return true
}

func (r release) less(other release) bool {
	return r[0] < other[0] || r[0] == other[0] && r[1] < other[1]
}
