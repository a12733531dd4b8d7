// Package ini reads, merges and writes PgBouncer's configuration file,
// pgbouncer.ini, by the rules of PgBouncer's own parser (lib/usual/cfparser.c):
// comments are whole lines that begin with ';' or '#', a value reaches to the
// end of its line and is taken literally, names compare with case.
package ini

import (
	"slices"

	"github.com/matriarchdb/matriarch/internal/conf"
)

// The sections PgBouncer knows.
const (
	Databases = "databases" // name = connection string (see ParseConn)
	Peers     = "peers"     // peer id = connection string; since 1.19
	PgBouncer = "pgbouncer" // the server's parameters
	Users     = "users"     // name = settings, written like a connection string
)

// sections in the order they are printed.
var sections = []string{Databases, Peers, Users, PgBouncer}

// File is the content of a pgbouncer.ini. The zero value is empty and ready to
// use; as with conf.Settings, use Clone instead of copying. A nil *File reads
// as empty.
type File struct {
	sections map[string]*conf.Settings
}

// Section returns the settings of one of the known sections, to read or to
// change; empty ones if the file has none. An unknown section is a programming
// error and panics.
func (f *File) Section(name string) *conf.Settings {
	if !slices.Contains(sections, name) {
		panic("ini: unknown section " + name)
	}
	if f == nil {
		return &conf.Settings{}
	}
	if f.sections == nil {
		f.sections = map[string]*conf.Settings{}
	}
	if f.sections[name] == nil {
		f.sections[name] = &conf.Settings{}
	}
	return f.sections[name]
}

// Clone returns an independent copy.
func (f *File) Clone() *File { return f.Merge(nil) }

// Merge returns a new File with everything of f, replaced and extended by over
// key by key within each section. A database, user or peer counts as one key:
// its settings are replaced as a whole. Neither f nor over changes.
func (f *File) Merge(over *File) *File {
	merged := &File{sections: map[string]*conf.Settings{}}
	for _, name := range sections {
		merged.sections[name] = f.section(name).Merge(over.section(name))
	}
	return merged
}

// section reads without creating, so that Merge leaves its operands alone.
func (f *File) section(name string) *conf.Settings {
	if f == nil {
		return nil
	}
	return f.sections[name]
}
