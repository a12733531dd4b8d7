// Package catalog knows the parameters of each server version: their names,
// types, allowed values and defaults, and whether a new value needs a reload or
// a restart. The facts are tables made from the servers themselves (see the
// generator in the folder generate) and from their release notes.
package catalog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

// Kind is the type of a parameter's value.
type Kind string

const (
	String Kind = "string"
	Bool   Kind = "bool"
	Int    Kind = "int"
	CInt   Kind = "cint" // PgBouncer: as the C library reads it, without a unit
	Real   Kind = "real"
	Time   Kind = "time" // PgBouncer: seconds, with a fraction
	Enum   Kind = "enum"
)

// Parameter is what is known of one parameter of one server version.
type Parameter struct {
	// Name as the server spells it. For Pgpool-II's numbered families it is the
	// name that was asked for (backend_hostname1).
	Name string
	Kind Kind
	// Unit that a bare number counts (kB, 8kB, ms, s …); empty for none.
	Unit string
	// Min and Max bound a number, counted in Unit; empty where not known.
	Min, Max string
	// Values are the words of an Enum.
	Values []string
	// Default is the value in force when nobody sets the parameter, if HasDefault.
	Default    string
	HasDefault bool
	// Context is the server's own word for when the value may change: see
	// pg_settings.context of PostgreSQL; INIT, RELOAD or SESSION of Pgpool-II;
	// reload, restart or fixed of PgBouncer.
	Context string
	// Uncertain is true where the table has no facts of this very version and
	// its neighbours disagree.
	Uncertain bool
	// family is the name without the number of the member.
	family string
	hidden []string
}

// ReadOnly parameters show something and cannot be set.
func (p Parameter) ReadOnly() bool { return p.Context == "internal" || p.Context == "fixed" }

// Catalog is what is known of one version of one server. It does not change and
// may be shared. It is a layer.Knowledge.
type Catalog struct {
	server     *server
	version    string
	parameters map[string]fact
}

var _ layer.Knowledge = (*Catalog)(nil)

// Postgres returns the catalog of a PostgreSQL version, 13 to 18 (as "17" or
// "17.11"); an error for other versions.
func Postgres(version string) (*Catalog, error) { return postgresServer().catalog(version) }

// Pgpool returns the catalog of a Pgpool-II version, 4.1 to 4.7 (as "4.3" or
// "4.3.5"); an error for other versions.
func Pgpool(version string) (*Catalog, error) { return pgpoolServer().catalog(version) }

// PgBouncer returns the catalog of a PgBouncer version, 1.15 to 1.26 (as "1.18"
// or "1.18.0"); an error for other versions.
func PgBouncer(version string) (*Catalog, error) { return pgbouncerServer().catalog(version) }

// Names returns every known name in alphabetical order, the families of
// Pgpool-II without their numbers.
func (c *Catalog) Names() []string {
	names := make([]string, 0, len(c.parameters))
	for _, f := range c.parameters {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

// Lookup returns what is known of a parameter.
func (c *Catalog) Lookup(name string) (Parameter, bool) {
	if f, ok := c.parameters[c.key(name)]; ok && (f.Members == 0 || f.Bare) {
		return f.parameter(f.Name), true
	}
	family, number, ok := splitMember(name)
	if !ok {
		return Parameter{}, false
	}
	f, ok := c.parameters[c.key(family)]
	if !ok || number >= f.Members {
		return Parameter{}, false
	}
	return f.parameter(name), true
}

// splitMember cuts backend_port1 into backend_port and 1.
func splitMember(name string) (family string, number int, ok bool) {
	family = strings.TrimRight(name, "0123456789")
	digits := name[len(family):]
	number, err := strconv.Atoi(digits)
	return family, number, err == nil && strconv.Itoa(number) == digits
}

func (f fact) parameter(name string) Parameter {
	return Parameter{
		Name: name, Kind: Kind(f.Kind), Unit: f.Unit, Min: f.Min, Max: f.Max,
		Values: f.Values, hidden: f.Hidden, Default: f.Default, HasDefault: f.HasDefault,
		Context: f.Context, Uncertain: f.uncertain, family: f.Name,
	}
}

// key is how names compare: PostgreSQL folds them.
func (c *Catalog) key(name string) string {
	if c.server == postgresServer() {
		return conf.FoldName(name)
	}
	return name
}

// Default implements layer.Knowledge.
func (c *Catalog) Default(name string) (string, bool) {
	p, ok := c.Lookup(name)
	return p.Default, ok && p.HasDefault
}
