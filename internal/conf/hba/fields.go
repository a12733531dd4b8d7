package hba

import "strings"

// split cuts a line into fields at blanks and a field into words at commas.
// Double quotes keep both together and are left in the words; a comment ends
// the line.
func split(line string) (fields [][]string, message string) {
	var word strings.Builder
	var field []string
	quoted, open := false, false // inside quotes; a comma asks for one more word
	endWord := func() {
		if word.Len() > 0 {
			field = append(field, word.String())
			word.Reset()
			open = false
		}
	}
	endField := func() {
		endWord()
		if len(field) > 0 && !open {
			fields = append(fields, field)
			field = nil
		}
	}
	for i := range len(line) {
		c := line[i]
		switch {
		case c == '"':
			quoted = !quoted
			word.WriteByte(c)
		case quoted:
			word.WriteByte(c)
		case c == '#':
			endField()
			return fields, trailingComma(open)
		case c == ',':
			endWord()
			open = true
		case strings.IndexByte(" \t\r\v\f", c) >= 0:
			endField()
		default:
			word.WriteByte(c)
		}
	}
	if quoted {
		return nil, "the double quote is not closed"
	}
	endField()
	return fields, trailingComma(open)
}

func trailingComma(open bool) string {
	if open {
		return "a list ends with a comma"
	}
	return ""
}

func unquote(word string) string {
	if len(word) < 2 || word[0] != '"' || word[len(word)-1] != '"' {
		return word
	}
	return strings.ReplaceAll(word[1:len(word)-1], `""`, `"`)
}
