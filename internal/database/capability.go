package database

import (
	"github.com/matriarchdb/matriarch/internal/conf"
)

// Reconfigurer is a kind whose configuration can be changed while it runs. All of it is pure.
type Reconfigurer interface {
	// Reconfigure returns a copy of the instance with the change made to its spec.configuration.
	Reconfigure(in Instance, change ConfigChange) (Instance, error)
	// Check says what is wrong with the configuration that was gathered, against what is known of the server version.
	Check(Gathered) conf.Problems
	// Compare says what it costs to go from one set of final files (the data of the configuration Secret) to another.
	Compare(g Gathered, before, after map[string][]byte) []ParameterChange
}

// ConfigChange is the configuration section of an operation request.
type ConfigChange struct {
	// Remove drops all custom configuration before the rest is applied.
	Remove bool
	// SecretName, when set, replaces the user's configuration Secret.
	SecretName string
	// Apply holds settings to merge, as text by file name.
	Apply map[string]string
	// Section is the request's own typed section, for kinds that have more to change than files.
	Section any
}

// ParameterChange is one parameter of which old and new value differ. An empty value means that the parameter is
// not set.
type ParameterChange struct {
	File, Name, Old, New string
	// Restart is true when a running server takes the new value only after a restart.
	Restart bool
	// Order says which members must have the new value first.
	Order Order
}

// AsReconfigurer returns the capability if the kind has it.
func AsReconfigurer(k Kind) (Reconfigurer, bool) {
	r, ok := k.(Reconfigurer)
	return r, ok
}
