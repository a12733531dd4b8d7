package catalog

import (
	"fmt"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

// Conflicts checks what settings mean for each other. It wants the settings in
// force, not only the user's: a parameter that is not set counts with its
// default. It knows the combinations that the servers accept in a file and then
// die of when they start; it does not know the machine.
func (c *Catalog) Conflicts(effective *conf.Settings) conf.Problems {
	v := view{catalog: c, settings: effective}
	switch c.server {
	case postgresServer():
		v.postgres()
	case pgpoolServer():
		v.pgpool()
	}
	return v.problems
}

// view reads the settings in force.
type view struct {
	catalog  *Catalog
	settings *conf.Settings
	problems conf.Problems
}

// postgres follows PostmasterMain of src/backend/postmaster/postmaster.c and
// InitializeMaxBackends.
func (v *view) postgres() {
	minimal := v.is("wal_level", "minimal")
	if minimal && !v.is("archive_mode", "off") {
		v.conflict("archive_mode", "needs wal_level replica or logical, but wal_level is minimal")
	}
	if minimal && v.number("max_wal_senders") > 0 {
		v.conflict("wal_level", "minimal cannot be used with max_wal_senders above 0")
	}
	if minimal && v.is("summarize_wal", "on") {
		v.conflict("summarize_wal", "needs wal_level replica or logical, but wal_level is minimal")
	}
	reserved := v.number("superuser_reserved_connections") + v.number("reserved_connections")
	if all := v.number("max_connections"); reserved >= all {
		v.conflict("max_connections", fmt.Sprintf("must be more than the %d reserved connections", reserved))
	}
	const most = 0x3FFFF // MAX_BACKENDS
	backends := v.number("max_connections") + v.number("autovacuum_max_workers") + 1 +
		v.number("max_worker_processes") + v.number("max_wal_senders")
	if backends > most {
		v.conflict("max_connections", fmt.Sprintf("makes too many server processes together with autovacuum_max_workers, max_worker_processes and max_wal_senders: %d of at most %d", backends, most))
	}
}

// pgpool follows config_post_processor of src/config/pool_config_variables.c.
func (v *view) pgpool() {
	if v.is("process_management_mode", "dynamic") {
		least, most := v.number("min_spare_children"), v.number("max_spare_children")
		if least >= most {
			v.conflict("max_spare_children", fmt.Sprintf("must be greater than min_spare_children, which is %d", least))
		}
		if children := v.number("num_init_children"); most > children {
			v.conflict("max_spare_children", fmt.Sprintf("must not be greater than num_init_children, which is %d", children))
		}
	}
	if children, reserved := v.number("num_init_children"), v.number("reserved_connections"); children <= reserved {
		v.conflict("reserved_connections", fmt.Sprintf("must be smaller than num_init_children, which is %d", children))
	}
}

// value is the value in force, spelled as all equal values are.
func (v *view) value(name string) string {
	p, known := v.catalog.Lookup(name)
	if !known {
		return ""
	}
	value, set := v.settings.Get(name)
	if !set {
		value = p.Default
	}
	normal, err := p.normal(value)
	if err != nil {
		return ""
	}
	return normal
}

// is compares a word; the words on and off also stand for a boolean.
func (v *view) is(name, word string) bool {
	value := v.value(name)
	if is, err := pgconf.ParseBool(word); err == nil && (value == "true" || value == "false") {
		return is == (value == "true")
	}
	return value == word
}

// number is 0 for what is not known.
func (v *view) number(name string) int64 {
	n, _ := pgconf.ParseInt(v.value(name), "")
	return n
}

func (v *view) conflict(name, message string) {
	one, set := v.settings.Lookup(name)
	if !set {
		one = conf.Setting{Name: name, Value: v.value(name)}
	}
	v.problems = append(v.problems, conf.Problem{Line: one.Line, Name: name, Value: one.Value, Message: message})
}
