package catalog

import (
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

// effort is what a context asks for when a value changes. It is the same for
// PostgreSQL's "backend" contexts as for "sighup": new sessions have it.
func effort(context string) layer.Verdict {
	switch context {
	case "sighup", "backend", "superuser-backend", "superuser", "user", // PostgreSQL
		"RELOAD", "PCP", "SESSION", // Pgpool-II
		"reload": // PgBouncer
		return layer.Reload
	}
	return layer.Restart
}

// Effort is what it takes in general until another value of a parameter is in
// force; Restart for an unknown one. Judge knows the exceptions.
func (c *Catalog) Effort(name string) layer.Verdict {
	p, ok := c.Lookup(name)
	if !ok {
		return layer.Restart
	}
	return effort(p.Context)
}

// Judge implements layer.Knowledge: what it takes until the new value is in
// force instead of the old one; Restart for an unknown parameter. A nil value is
// none at all: the parameter is not in the file.
//
// PgBouncer renews by itself the connections that a changed database or TLS
// parameter makes stale. What it sets on a socket only when it opens one needs
// layer.Reconnect (tune_socket in src/util.c). New certificates under unchanged
// paths do too, but they are no change of a parameter.
func (c *Catalog) Judge(name string, old, new *string) layer.Verdict {
	p, _ := c.Lookup(name)
	need := c.Effort(name)
	if c.server == pgpoolServer() && need == layer.Reload && c.ignoredByReload(p, old, new) {
		return layer.Restart
	}
	if c.server == pgbouncerServer() && need == layer.Reload && strings.HasPrefix(p.Name, "tcp_") && p.Name != "tcp_defer_accept" {
		return layer.Reconnect
	}
	return need
}

// ignoredByReload knows what Pgpool-II skips without a word although the
// parameter's context is RELOAD (src/config/pool_config_variables.c):
//   - before 4.7.3, a line that is gone leaves its old value in force;
//   - a backend in use keeps its address and folder (BackendHostAssignFunc and
//     its neighbours);
//   - from 4.2, a flag that is no longer listed stays set (BackendFlagsAssignFunc);
//   - new patterns are added to the old ones, which stay (setConfigOptionVar:
//     "TODO clear the old regex array please").
func (c *Catalog) ignoredByReload(p Parameter, old, new *string) bool {
	if new == nil && !atLeast(c.version, 4, 7, 3) {
		return true
	}
	switch p.family {
	case "backend_hostname", "backend_port", "backend_data_directory":
		return old != nil
	case "backend_flag":
		return old != nil && strings.Contains(*old, "ALWAYS_PRIMARY") && (new == nil || !strings.Contains(*new, "ALWAYS_PRIMARY"))
	case "read_only_function_list", "write_function_list", "primary_routing_query_pattern_list",
		"cache_safe_memqcache_table_list", "cache_unsafe_memqcache_table_list",
		// their names in 4.1
		"white_function_list", "black_function_list", "black_query_pattern_list",
		"white_memqcache_table_list", "black_memqcache_table_list":
		return old != nil && *old != ""
	}
	return false
}

// SpellRemoved returns a copy of new in which every parameter that old sets and
// new does not is set to its default, where that is known and a reload would
// otherwise leave the old value in force. Only Pgpool-II needs it: with the
// default spelled out, removing a setting is a reload instead of a restart.
func (c *Catalog) SpellRemoved(old, new *conf.Settings) *conf.Settings {
	spelled := new.Clone()
	if c.server != pgpoolServer() {
		return spelled
	}
	for one := range old.All() {
		p, ok := c.Lookup(one.Name)
		if !ok || !p.HasDefault || new.Has(one.Name) || c.Same(one.Name, one.Value, p.Default) {
			continue
		}
		if c.Judge(one.Name, &one.Value, &p.Default) == layer.Reload && c.checkValue(p, p.Default) == nil {
			spelled.Set(one.Name, p.Default)
		}
	}
	return spelled
}

// HotStandbyFloor says whether a standby of PostgreSQL refuses to run with a
// smaller value than its primary's: such a parameter is raised on the standbys
// first and lowered on the primary first (the manual's "Administrator's
// Overview" of hot standby).
func HotStandbyFloor(name string) bool {
	switch conf.FoldName(name) {
	case "max_connections", "max_prepared_transactions", "max_locks_per_transaction", "max_wal_senders", "max_worker_processes":
		return true
	}
	return false
}
