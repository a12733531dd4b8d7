// Package pgconf reads and writes the `name = value` files of PostgreSQL
// (postgresql.conf) and Pgpool-II (pgpool.conf), and understands the values in
// them: booleans, numbers, memory and time with units.
//
// The two formats look alike and differ where it hurts: Pgpool-II compares
// names with case, has no way to write a quote inside a value, and takes for
// granted what it should refuse (a missing value, several settings in one
// line). Parse refuses these.
package pgconf

import "github.com/matriarchdb/matriarch/internal/conf"

// Dialect is the server whose file it is.
type Dialect int

const (
	// PostgreSQL is postgresql.conf, as read by src/backend/utils/misc/guc-file.l.
	PostgreSQL Dialect = iota
	// Pgpool is pgpool.conf, as read by src/config/pool_config.l.
	Pgpool
)

// String is the server's own name.
func (d Dialect) String() string {
	if d == Pgpool {
		return "Pgpool-II"
	}
	return "PostgreSQL"
}

// New returns empty settings that compare names as the server does.
func New(d Dialect, list ...conf.Setting) *conf.Settings {
	if d == Pgpool {
		return conf.NewSettings(conf.ExactCase, list...)
	}
	return conf.NewSettings(conf.IgnoreCase, list...)
}
