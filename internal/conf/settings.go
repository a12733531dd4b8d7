package conf

import (
	"iter"
	"strings"
)

// Setting is one parameter and its value, the value without the quotes and
// escapes of the file it came from.
type Setting struct {
	Name  string
	Value string
	// Line is where it stood in the text it was read from, counted from 1;
	// 0 when it was not read from a text.
	Line int
}

// Case says how the names of a Settings compare.
type Case int

const (
	// ExactCase: "Port" and "port" are two names. Pgpool-II and PgBouncer.
	ExactCase Case = iota
	// IgnoreCase: "TimeZone" and "timezone" are one name. PostgreSQL, which
	// folds ASCII letters only.
	IgnoreCase
)

// Settings is an ordered set of settings with unique names. A name keeps the
// place where it was first set; setting it again replaces the value, as in the
// servers' files, where the last line wins.
//
// The zero value is empty, ready to use and compares names exactly. A Settings
// must not be copied after its first use; use Clone. A nil *Settings reads as
// empty.
type Settings struct {
	names Case
	list  []Setting
	index map[string]int
}

// NewSettings returns settings with names compared as c says, holding list.
func NewSettings(c Case, list ...Setting) *Settings {
	s := &Settings{names: c}
	for _, one := range list {
		s.Add(one)
	}
	return s
}

// Case says how names are compared.
func (s *Settings) Case() Case {
	if s == nil {
		return ExactCase
	}
	return s.names
}

// Set gives name a value. It keeps the place of a name that is already there
// and appends a new one.
func (s *Settings) Set(name, value string) {
	s.Add(Setting{Name: name, Value: value})
}

// Add is Set with a line number.
func (s *Settings) Add(one Setting) {
	key := s.key(one.Name)
	if at, ok := s.index[key]; ok {
		s.list[at] = one
		return
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[key] = len(s.list)
	s.list = append(s.list, one)
}

// Get returns the value of name and whether it is set.
func (s *Settings) Get(name string) (value string, ok bool) {
	one, ok := s.Lookup(name)
	return one.Value, ok
}

// Has says whether name is set.
func (s *Settings) Has(name string) bool {
	_, ok := s.Lookup(name)
	return ok
}

// Lookup returns the setting of that name and whether it is set.
func (s *Settings) Lookup(name string) (one Setting, ok bool) {
	if s == nil {
		return Setting{}, false
	}
	at, ok := s.index[s.key(name)]
	if !ok {
		return Setting{}, false
	}
	return s.list[at], true
}

// Delete removes name and says whether it was set.
func (s *Settings) Delete(name string) bool {
	if s == nil {
		return false
	}
	key := s.key(name)
	at, ok := s.index[key]
	if !ok {
		return false
	}
	delete(s.index, key)
	s.list = append(s.list[:at:at], s.list[at+1:]...)
	for key, i := range s.index {
		if i > at {
			s.index[key] = i - 1
		}
	}
	return true
}

// Len is the number of settings.
func (s *Settings) Len() int {
	if s == nil {
		return 0
	}
	return len(s.list)
}

// All yields the settings in order.
func (s *Settings) All() iter.Seq[Setting] {
	return func(yield func(Setting) bool) {
		if s == nil {
			return
		}
		for _, one := range s.list {
			if !yield(one) {
				return
			}
		}
	}
}

// Names returns the names in order, each as it was last written.
func (s *Settings) Names() []string {
	names := make([]string, 0, s.Len())
	for one := range s.All() {
		names = append(names, one.Name)
	}
	return names
}

// Clone returns an independent copy.
func (s *Settings) Clone() *Settings {
	c := &Settings{names: s.Case()}
	for one := range s.All() {
		c.Add(one)
	}
	return c
}

// Merge returns a new Settings with everything of s, replaced and extended by
// over: names of s keep their place, new ones follow in the order of over.
// Neither s nor over changes. Names compare without case if they do in either.
func (s *Settings) Merge(over *Settings) *Settings {
	m := &Settings{names: max(s.Case(), over.Case())}
	for one := range s.All() {
		m.Add(one)
	}
	for one := range over.All() {
		m.Add(one)
	}
	return m
}

// Equal says whether both hold the same names with the same values, spelled
// alike and in the same order. Line numbers do not matter.
func (s *Settings) Equal(other *Settings) bool {
	if s.Len() != other.Len() {
		return false
	}
	for i := range s.Len() {
		a, b := s.list[i], other.list[i]
		if s.key(a.Name) != s.key(b.Name) || a.Value != b.Value {
			return false
		}
	}
	return true
}

func (s *Settings) key(name string) string {
	if s.names == ExactCase {
		return name
	}
	return FoldName(name)
}

// FoldName lowers the ASCII letters of name, which is how PostgreSQL compares
// parameter names (guc_name_compare): other letters are left alone.
func FoldName(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}
