package layer

import "github.com/matriarchdb/matriarch/internal/conf"

// Verdict is what it takes for a change to come into force, from least to most.
type Verdict int

const (
	// None: nothing to do, the servers behave the same.
	None Verdict = iota
	// Reload: the server re-reads its files; no connection is lost.
	Reload
	// Reconnect: a reload, and then the server's connections to the database
	// must be renewed before the change counts for all (PgBouncer's RECONNECT,
	// which waits for each to become free; no client is cut off).
	Reconnect
	// Restart: the server process must be started anew.
	Restart
)

// String names the verdict in messages.
func (v Verdict) String() string {
	return [...]string{"none", "reload", "reconnect", "restart"}[v]
}

// Knowledge is what Diff must know of a server's parameters. The catalogs of
// internal/conf/catalog have it.
type Knowledge interface {
	// Judge says what it takes until name has the new value instead of the old
	// one; nil is no value at all. Restart for a parameter that is not known.
	Judge(name string, old, new *string) Verdict
	// Same says whether two spellings mean the same value of name (1GB, 1024MB).
	Same(name, a, b string) bool
	// Default is the value in force when name is not set, if known.
	Default(name string) (value string, ok bool)
}

// Change is one parameter whose value in force differs between two
// configurations. A nil value means: not set, the server's default counts.
type Change struct {
	Name     string
	Old, New *string
	Verdict  Verdict
}

// Changes are in the order of the new configuration, removed names last.
type Changes []Change

// Diff compares two configurations of one server. Two spellings of one value,
// and setting a parameter to its default, are no change.
func Diff(old, new *conf.Settings, know Knowledge) Changes {
	alike(&old, &new)
	var changes Changes
	for one := range new.All() {
		before, ok := old.Lookup(one.Name)
		switch {
		case !ok && !isDefault(know, one):
			changes = append(changes, change(know, one.Name, nil, &one.Value))
		case ok && before.Value != one.Value && !know.Same(one.Name, before.Value, one.Value):
			changes = append(changes, change(know, one.Name, &before.Value, &one.Value))
		}
	}
	for one := range old.All() {
		if !new.Has(one.Name) && !isDefault(know, one) {
			changes = append(changes, change(know, one.Name, &one.Value, nil))
		}
	}
	return changes
}

func change(know Knowledge, name string, old, new *string) Change {
	return Change{Name: name, Old: old, New: new, Verdict: know.Judge(name, old, new)}
}

func isDefault(know Knowledge, one conf.Setting) bool {
	value, ok := know.Default(one.Name)
	return ok && (value == one.Value || know.Same(one.Name, value, one.Value))
}

// Verdict is the strongest of all changes; None for no change.
func (cs Changes) Verdict() Verdict {
	strongest := None
	for _, c := range cs {
		strongest = max(strongest, c.Verdict)
	}
	return strongest
}

// Names returns the names of the changes that need exactly v.
func (cs Changes) Names(v Verdict) []string {
	var names []string
	for _, c := range cs {
		if c.Verdict == v {
			names = append(names, c.Name)
		}
	}
	return names
}
