package pgconf

import "regexp"

type token int

const (
	tokenEnd token = iota // end of line, or a comment up to it
	tokenEquals
	tokenName
	tokenQualifiedName
	tokenString
	tokenUnquoted
	tokenInteger
	tokenReal
	tokenStar
	tokenBad
)

// The patterns are those of the servers' scanners. Like flex, next takes the
// longest match and, among equally long ones, the first of the list.
const (
	letter  = `[A-Za-z_\x{80}-\x{10FFFF}]`
	letters = `[A-Za-z_0-9\x{80}-\x{10FFFF}]*`
	name    = letter + letters
)

type pattern struct {
	token token
	expr  *regexp.Regexp
}

func patterns(d Dialect) []pattern {
	list := []pattern{
		{tokenName, longest(name)},
		{tokenUnquoted, longest(letter + `[A-Za-z_0-9\x{80}-\x{10FFFF}\-._:/]*`)},
		{tokenInteger, longest(`[-+]?(?:[0-9]+|0x[0-9a-fA-F]+)[a-zA-Z]*`)},
		{tokenReal, longest(`[-+]?[0-9]*\.[0-9]*(?:[Ee][-+]?[0-9]+)?`)},
		{tokenEquals, longest(`=`)},
	}
	if d == Pgpool {
		return append(list,
			pattern{tokenString, longest(`'(?:[^'\n]|\\[^\n])*'`)},
			pattern{tokenStar, longest(`\*`)})
	}
	// Before the unquoted string, which matches as much: PostgreSQL takes a word
	// with a single dot for a name and never for a value.
	return append([]pattern{
		{tokenQualifiedName, longest(name + `\.` + name)},
		{tokenString, longest(`'(?:[^'\\\n]|\\[^\n]|'')*'`)},
	}, list...)
}

func longest(expr string) *regexp.Regexp {
	re := regexp.MustCompile(`^(?:` + expr + `)`)
	re.Longest()
	return re
}

var scanners = map[Dialect][]pattern{
	PostgreSQL: patterns(PostgreSQL),
	Pgpool:     patterns(Pgpool),
}

// next takes the first token off line, which holds no line feed.
func (d Dialect) next(line string) (kind token, text, rest string) {
	for len(line) > 0 && (line[0] == ' ' || line[0] == '\t' || line[0] == '\r') {
		line = line[1:]
	}
	if line == "" || line[0] == '#' {
		return tokenEnd, "", ""
	}
	kind, length := tokenBad, 0
	for _, p := range scanners[d] {
		if at := p.expr.FindStringIndex(line); at != nil && at[1] > length {
			kind, length = p.token, at[1]
		}
	}
	if kind == tokenBad {
		return tokenBad, line, ""
	}
	return kind, line[:length], line[length:]
}
