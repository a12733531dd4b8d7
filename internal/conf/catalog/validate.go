package catalog

import (
	"fmt"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// Validate checks the settings of a postgresql.conf or pgpool.conf, or of the
// section [pgbouncer], each on its own: name, type, range, allowed words. What
// settings mean for each other is the matter of Conflicts. Problems.Err() is nil
// when the server would take them.
func (c *Catalog) Validate(settings *conf.Settings) conf.Problems {
	var problems conf.Problems
	for one := range settings.All() {
		if problem, ok := c.check(one); ok {
			problems = append(problems, problem)
		}
	}
	return problems
}

func (c *Catalog) check(one conf.Setting) (problem conf.Problem, found bool) {
	problem = conf.Problem{Line: one.Line, Name: one.Name, Value: one.Value}
	p, known := c.Lookup(one.Name)
	switch {
	case !known && c.server == postgresServer() && strings.Contains(one.Name, "."):
		problem.Warning = true
		problem.Message = "belongs to an extension, whose parameters are not checked"
		return problem, true
	case !known:
		problem.Message = c.unknown(one.Name)
		return problem, true
	case p.ReadOnly():
		problem.Message = "shows a property of the server and cannot be set"
		return problem, true
	}
	if message := refused[p.Name]; message != "" && c.server == pgbouncerServer() {
		problem.Message = message
		return problem, true
	}
	if err := c.checkValue(p, one.Value); err != nil {
		problem.Message = err.Error()
		return problem, true
	}
	if p.Uncertain {
		problem.Warning = true
		problem.Message = fmt.Sprintf("%s %s may not know this parameter or may treat it differently: its neighbouring versions disagree", c.server.name, c.version)
		return problem, true
	}
	return problem, false
}

// refused are parameters of PgBouncer that exist but must not be set in a text
// that a user gives.
var refused = map[string]string{
	"conffile": "would make PgBouncer read another file at the next reload, which is not allowed here",
}

// unknown explains a name that this version does not have.
func (c *Catalog) unknown(name string) string {
	if f, ok := c.parameters[c.key(name)]; ok && f.Members > 0 {
		return fmt.Sprintf("needs the number of a node at its end: %s0 to %s%d", f.Name, f.Name, f.Members-1)
	}
	family := strings.TrimRight(name, "0123456789")
	if f, ok := c.parameters[c.key(family)]; ok && f.Members > 0 {
		return fmt.Sprintf("has no such number: allowed are %s0 to %s%d", f.Name, f.Name, f.Members-1)
	}
	message := "unrecognized parameter"
	if versions := c.server.versionsWith(c.key, name, family); versions != "" {
		return fmt.Sprintf("%s: %s %s does not have it, %s does", message, c.server.name, c.version, versions)
	}
	if near := c.nearest(name); near != "" {
		return fmt.Sprintf("%s; did you mean %s?", message, near)
	}
	return fmt.Sprintf("%s: %s %s has no parameter of that name", message, c.server.name, c.version)
}

// versionsWith lists the measured versions that have one of the names.
func (s *server) versionsWith(key func(string) string, names ...string) string {
	for _, row := range s.table.Rows {
		for _, name := range names {
			if key(row.Name) == key(name) {
				if row.First == row.Last {
					return row.First
				}
				return row.First + " to " + row.Last
			}
		}
	}
	return ""
}
