package hba

import (
	"fmt"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// Parse reads a whole file. It accepts what any supported version of the server
// accepts in a single line (clientname is only known from PostgreSQL 14, oauth
// from 18); directives and words that read other files (include, @file) are
// refused.
//
// The error is of type conf.Problems and names every bad line, not only the
// first; the rules are nil then.
func Parse(d Dialect, text string) ([]Rule, error) {
	var rules []Rule
	var problems conf.Problems
	for i, line := range strings.Split(text, "\n") {
		rule, message := d.parseLine(line)
		switch {
		case message != "":
			problems = append(problems, conf.Problem{Line: i + 1, Text: strings.TrimSpace(line), Message: message})
		case rule != nil:
			rule.Line = i + 1
			rules = append(rules, *rule)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return rules, nil
}

// parseLine reads one line: a rule, nothing (nil), or what is wrong with it.
func (d Dialect) parseLine(line string) (*Rule, string) {
	if strings.ContainsAny(line, "\x00\n") {
		return nil, "contains a zero byte or a line feed"
	}
	fields, message := split(line)
	if message != "" || len(fields) == 0 {
		return nil, message
	}
	if first := fields[0][0]; strings.HasPrefix(first, "include") {
		return nil, fmt.Sprintf("%q is not allowed here: put the rules themselves into this text", first)
	}
	rule := &Rule{Type: fields[0][0]}
	if len(fields[0]) > 1 || !slices.Contains(d.types(), rule.Type) {
		return nil, fmt.Sprintf("unknown connection type %q; allowed: %s", strings.Join(fields[0], ","), strings.Join(d.types(), ", "))
	}
	if len(fields) < 4 || rule.Type != Local && len(fields) < 5 {
		if rule.Type == Local {
			return nil, "expected: local DATABASE USER METHOD [OPTIONS]"
		}
		return nil, fmt.Sprintf("expected: %s DATABASE USER ADDRESS METHOD [OPTIONS]", rule.Type)
	}
	rule.Databases, rule.Users = fields[1], fields[2]
	if message := d.names(rule); message != "" {
		return nil, message
	}
	rest := fields[3:]
	if rule.Type != Local {
		if rest, message = rule.address(rest); message != "" {
			return nil, message
		}
	}
	return rule, d.method(rule, rest)
}

// names checks the words for databases and users. Pgpool-II does not know the
// members of roles: it skips such a rule, so a later one decides (check_user,
// check_db).
func (d Dialect) names(rule *Rule) (message string) {
	for _, word := range slices.Concat(rule.Databases, rule.Users) {
		switch {
		case strings.HasPrefix(word, "@"):
			return fmt.Sprintf("%q would read a file, which is not allowed here: list the names", word)
		case len(word) > maxWord:
			return fmt.Sprintf("%q is longer than the %d bytes that the server reads", word, maxWord)
		case d == Pgpool && (strings.HasPrefix(word, "+") || word == "samerole" || word == "samegroup"):
			return fmt.Sprintf("Pgpool-II does not know the members of roles and would skip a rule with %q", word)
		}
	}
	return ""
}

// maxWord is MAX_TOKEN of PostgreSQL 13 and of Pgpool-II, without the zero byte.
const maxWord = 255

func (d Dialect) types() []string {
	if d == Pgpool {
		return []string{Local, Host, HostSSL, HostNoSSL}
	}
	return []string{Local, Host, HostSSL, HostNoSSL, HostGSSEnc, HostNoGSSEnc}
}
