// Package layer decides what is in force when several sources set the same
// parameter, where each value came from, what changed between two
// configurations, and what it takes for a change to come into force.
package layer

import "github.com/matriarchdb/matriarch/internal/conf"

// Origin is the layer a value came from, from weakest to strongest.
type Origin int

const (
	// Default is what Matriarch sets unless someone says otherwise.
	Default Origin = iota
	// Tuned is computed from the resources of the pod.
	Tuned
	// User is what the user asked for.
	User
	// Mandatory is what the operation of the cluster rests on.
	Mandatory
)

// String names the layer in messages.
func (o Origin) String() string {
	return [...]string{"default", "tuned", "user", "mandatory"}[o]
}

// Layers are the sources of one file. Any may be nil.
type Layers struct {
	Default, Tuned, User, Mandatory *conf.Settings
}

// Entry is a setting in force and the layer that set it.
type Entry struct {
	conf.Setting
	Origin Origin
}

// Override is a user's setting that a mandatory one replaced with another value.
type Override struct {
	// User is the setting as the user wrote it.
	User conf.Setting
	// InForce is the value that counts instead.
	InForce string
}

// Owned tells of the user's settings that give way to the operator's.
func Owned(overrides []Override) conf.Problems {
	var problems conf.Problems
	for _, o := range overrides {
		problems = append(problems, conf.Problem{
			Line: o.User.Line, Name: o.User.Name, Value: o.User.Value, Warning: true, Owned: true,
			Message: "has no effect, because it belongs to the operator: in force is " + o.InForce,
		})
	}
	return problems
}

// Effective is the result of merging layers.
type Effective struct {
	in       Layers
	settings *conf.Settings
	origins  []Origin // by place in settings
}

// Merge lays the layers over each other: mandatory over user over tuned over
// default. Names keep the place in which the weakest layer that has them put
// them, so the text stays the same when only a value changes.
func Merge(in Layers) Effective {
	alike(&in.Default, &in.Tuned, &in.User, &in.Mandatory)
	e := Effective{in: in, settings: in.Default.Merge(in.Tuned).Merge(in.User).Merge(in.Mandatory)}
	for one := range e.settings.All() {
		e.origins = append(e.origins, in.strongest(one.Name))
	}
	return e
}

// alike replaces the settings by copies that compare names in one way: without
// case if one of them does. A layer written by hand is easily left exact.
func alike(all ...**conf.Settings) {
	names := conf.ExactCase
	for _, settings := range all {
		names = max(names, (*settings).Case())
	}
	for _, settings := range all {
		*settings = conf.NewSettings(names).Merge(*settings)
	}
}

// strongest is the highest layer that sets name.
func (in Layers) strongest(name string) Origin {
	switch {
	case in.Mandatory.Has(name):
		return Mandatory
	case in.User.Has(name):
		return User
	case in.Tuned.Has(name):
		return Tuned
	}
	return Default
}

// Settings returns what is in force, ready to print. The caller may change it.
func (e Effective) Settings() *conf.Settings { return e.settings.Clone() }

// Entries returns what is in force with its origins, in order.
func (e Effective) Entries() []Entry {
	entries := make([]Entry, 0, e.settings.Len())
	for one := range e.settings.All() {
		entries = append(entries, Entry{Setting: one, Origin: e.origins[len(entries)]})
	}
	return entries
}

// Overrides returns the user's settings that a mandatory one replaced with
// another value, in the user's order. They deserve a warning: what the user
// wrote is not what happens.
func (e Effective) Overrides(know Knowledge) []Override {
	var overrides []Override
	for one := range e.in.User.All() {
		must, ok := e.in.Mandatory.Lookup(one.Name)
		if ok && must.Value != one.Value && !know.Same(one.Name, must.Value, one.Value) {
			overrides = append(overrides, Override{User: one, InForce: must.Value})
		}
	}
	return overrides
}
