package catalog

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
)

//go:embed data/pgbouncer.connections
var connectionKeys string

// connectionKey is one key of the values in [databases], [peers] and [users].
type connectionKey struct {
	section, name, kind string
	first               release
}

var connections = sync.OnceValue(func() []connectionKey {
	var keys []connectionKey
	for line := range strings.Lines(connectionKeys) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		keys = append(keys, connectionKey{words[0], words[1], words[2], pgbouncerServer().mustRelease(words[3])})
	}
	return keys
})

// ValidateFile checks a whole pgbouncer.ini: the parameters as Validate does, and
// the keys and values of databases, peers and users. Only for a catalog of
// PgBouncer.
func (c *Catalog) ValidateFile(file *ini.File) conf.Problems {
	var problems conf.Problems
	for _, section := range []string{ini.Databases, ini.Peers, ini.Users} {
		for one := range file.Section(section).All() {
			for _, message := range c.checkEntry(section, one) {
				problems = append(problems, conf.Problem{
					Line: one.Line, Section: section, Name: one.Name, Value: one.Value, Message: message,
				})
			}
		}
	}
	for _, problem := range c.Validate(file.Section(ini.PgBouncer)) {
		problem.Section = ini.PgBouncer
		problems = append(problems, problem)
	}
	slices.SortStableFunc(problems, func(a, b conf.Problem) int { return a.Line - b.Line })
	return problems
}

func (c *Catalog) checkEntry(section string, one conf.Setting) (messages []string) {
	now := c.server.mustRelease(c.version)
	if section == ini.Peers && now.less(release{1, 19}) {
		return []string{"peers came with PgBouncer 1.19; " + c.version + " refuses the section"}
	}
	if section == ini.Databases && one.Name == "pgbouncer" {
		messages = append(messages, "the name is reserved for PgBouncer's own console")
	}
	if id, err := strconv.Atoi(one.Name); section == ini.Peers && (err != nil || id < 1 || id > 0xFFFF) {
		messages = append(messages, "a peer is named by its peer_id, 1 to 65535")
	}
	pairs, err := ini.ParseConn(one.Value)
	if err != nil {
		return append(messages, err.Error())
	}
	for pair := range pairs.All() {
		if message := checkPair(section, pair, now); message != "" {
			messages = append(messages, message)
		}
	}
	if section == ini.Peers && !pairs.Has("host") {
		messages = append(messages, "a peer needs a host")
	}
	return messages
}

func checkPair(section string, pair conf.Setting, now release) string {
	var known []string
	for _, key := range connections() {
		if key.section != section {
			continue
		}
		if key.name != pair.Name {
			known = append(known, key.name)
			continue
		}
		if now.less(key.first) {
			return fmt.Sprintf("%s came with PgBouncer %d.%d", key.name, key.first[0], key.first[1])
		}
		return key.check(pair.Value)
	}
	return fmt.Sprintf("unrecognized key %q; known are: %s", pair.Name, strings.Join(known, ", "))
}

// check is stricter than PgBouncer, which reads a number with atoi and so takes
// any word for 0.
func (k connectionKey) check(value string) string {
	var words []string
	switch k.kind {
	case "number":
		if n, err := strconv.Atoi(value); err != nil || n < 0 {
			return fmt.Sprintf("%s=%s must be a whole number, not negative", k.name, value)
		}
	case "port":
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
			return fmt.Sprintf("%s=%s must be a port, 1 to 65535", k.name, value)
		}
	case "pool_mode":
		words = []string{"session", "transaction", "statement"}
	case "load_balance_hosts":
		words = []string{"round-robin", "disable"}
	}
	if words != nil && !slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, value) }) {
		return fmt.Sprintf("%s=%s must be one of: %s", k.name, value, strings.Join(words, ", "))
	}
	return ""
}
