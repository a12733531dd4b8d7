package ini

import (
	"fmt"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// Parse reads a whole file. Settings before the first section header belong to
// [pgbouncer], so that a text without any header is a list of the server's
// parameters. %include is refused: what it would read is not the user's to
// choose.
//
// The error is of type conf.Problems and names every bad line, not only the
// first; the file is nil then.
func Parse(text string) (*File, error) {
	p := parser{file: &File{}, section: PgBouncer}
	for i, line := range strings.Split(text, "\n") {
		p.line = i + 1
		p.read(strings.Trim(line, blank))
	}
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return p.file, nil
}

// blank is what isspace() of C skips, without the line feed.
const blank = " \t\r\v\f"

type parser struct {
	file     *File
	section  string // empty inside an unknown one
	line     int
	problems conf.Problems
}

func (p *parser) read(text string) {
	switch {
	case text == "" || text[0] == '#' || text[0] == ';':
	case strings.ContainsRune(text, 0):
		p.fail(text, "contains a zero byte")
	case strings.HasPrefix(text, "%include"):
		p.fail(text, "%include is not allowed here: put the settings themselves into this text")
	case text[0] == '[':
		p.header(text)
	default:
		p.setting(text)
	}
}

func (p *parser) header(text string) {
	name, rest, closed := strings.Cut(text[1:], "]")
	switch {
	case !closed:
		p.fail(text, "the section header has no closing bracket")
	case !slices.Contains(sections, name):
		p.section = ""
		p.fail(text, fmt.Sprintf("PgBouncer knows no section %q; known are databases, peers, pgbouncer, users", name))
	default:
		p.section = name
		p.read(strings.TrimLeft(rest, blank)) // PgBouncer reads on in the same line
	}
}

func (p *parser) setting(text string) {
	end := 0
	for end < len(text) && isNameByte(text[end]) {
		end++
	}
	name, rest := text[:end], strings.TrimLeft(text[end:], " \t")
	switch {
	case name == "" && !strings.HasPrefix(rest, "="):
		p.fail(text, fmt.Sprintf("a name cannot begin with %q: allowed are letters, digits and _ . - *", firstRune(rest)))
	case !strings.HasPrefix(rest, "=") && rest != "" && len(rest) == len(text)-end:
		p.fail(text, fmt.Sprintf("a name cannot contain %q: allowed are letters, digits and _ . - *", firstRune(rest)))
	case name == "" || !strings.HasPrefix(rest, "="):
		p.fail(text, "expected: name = value")
	case p.section != "" && p.file.Section(p.section).Has(name):
		first, _ := p.file.Section(p.section).Lookup(name)
		p.fail(text, fmt.Sprintf("%s is set twice, here and in line %d; remove one of them", name, first.Line))
	case p.section != "":
		p.file.Section(p.section).Add(conf.Setting{Name: name, Value: strings.Trim(rest[1:], blank), Line: p.line})
	}
}

func (p *parser) fail(text, message string) {
	p.problems = append(p.problems, conf.Problem{Line: p.line, Text: text, Message: message})
}

func isNameByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("_.-*", c) >= 0
}

func isName(name string) bool {
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return false
		}
	}
	return name != ""
}

func firstRune(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}
