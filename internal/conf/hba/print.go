package hba

import (
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// Print writes the rules in order, one per line, columns separated by single
// blanks. It fails, with conf.Problems, for a rule that the server would not
// accept; Parse reads back what was printed.
func Print(d Dialect, rules []Rule) (string, error) {
	var b strings.Builder
	var problems conf.Problems
	for i, rule := range rules {
		line := rule.String()
		if _, message := d.parseLine(line); message != "" {
			problems = append(problems, conf.Problem{Line: i + 1, Text: line, Message: message})
			continue
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	if len(problems) > 0 {
		return "", problems
	}
	return b.String(), nil
}

// String is the rule as it stands in the file, without the line feed.
func (r Rule) String() string {
	words := []string{r.Type, strings.Join(r.Databases, ","), strings.Join(r.Users, ",")}
	if r.Address != "" {
		words = append(words, r.Address)
	}
	words = append(words, r.Method)
	for _, option := range r.Options {
		if strings.ContainsAny(option, " \t,#\"") {
			option = quote(option)
		}
		words = append(words, option)
	}
	return strings.Join(words, " ")
}
