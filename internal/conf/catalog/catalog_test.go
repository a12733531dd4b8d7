package catalog_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

type server func(version string) (*catalog.Catalog, error)

var servers = map[string]struct {
	open     server
	versions []string
}{
	"PostgreSQL": {catalog.Postgres, []string{"13", "14", "15", "16", "17", "18"}},
	"Pgpool-II":  {catalog.Pgpool, []string{"4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7"}},
	"PgBouncer": {catalog.PgBouncer, []string{
		"1.15", "1.16", "1.17", "1.18", "1.19", "1.20", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26",
	}},
}

func open(t *testing.T, s server, version string) *catalog.Catalog {
	t.Helper()
	c, err := s(version)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryVersionHasItsCatalog(t *testing.T) {
	t.Parallel()
	for name, s := range servers {
		for _, version := range s.versions {
			if c := open(t, s.open, version+".3"); len(c.Names()) < 80 || !slices.IsSorted(c.Names()) {
				t.Errorf("%s %s: %d names", name, version, len(c.Names()))
			}
		}
	}
}

func TestOtherVersionsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for version, s := range map[string]server{
		"12.4": catalog.Postgres, "19": catalog.Postgres, "4.0": catalog.Pgpool, "4.8.1": catalog.Pgpool, "5": catalog.Pgpool,
		"1.14": catalog.PgBouncer, "1.27": catalog.PgBouncer, "": catalog.Postgres, "latest": catalog.Postgres, "x.1": catalog.PgBouncer,
	} {
		if _, err := s(version); err == nil || !strings.Contains(err.Error(), version) || !strings.HasPrefix(err.Error(), "finding the parameters of ") {
			t.Errorf("%q: got %v", version, err)
		}
	}
	if _, err := catalog.Postgres("18beta1"); err != nil {
		t.Errorf("a beta counts as its release: %v", err)
	}
}

func TestNamesAreFoundAsTheServerFindsThem(t *testing.T) {
	t.Parallel()
	postgres, pgpool, bouncer := open(t, catalog.Postgres, "17"), open(t, catalog.Pgpool, "4.3.5"), open(t, catalog.PgBouncer, "1.18")
	for _, test := range []struct {
		reason string
		in     *catalog.Catalog
		name   string
		found  string
	}{
		{"PostgreSQL folds case", postgres, "datestyle", "DateStyle"},
		{"Pgpool-II does not", pgpool, "Port", ""},
		{"nor does PgBouncer", bouncer, "Pool_Mode", ""},
		{"a member of a family", pgpool, "backend_hostname0", "backend_hostname0"},
		{"the last member", pgpool, "backend_hostname127", "backend_hostname127"},
		{"one too many", pgpool, "backend_hostname128", ""},
		{"another spelling of a number", pgpool, "backend_hostname01", ""},
		{"a family without a number", pgpool, "backend_hostname", ""},
		{"a family that allows that", pgpool, "health_check_period", "health_check_period"},
		{"and its members", pgpool, "health_check_period3", "health_check_period3"},
		{"a number after a plain name", pgpool, "port1", ""},
		{"a family by an older name", open(t, catalog.Pgpool, "4.1"), "other_pgpool_hostname0", "other_pgpool_hostname0"},
		{"which is gone later", pgpool, "other_pgpool_hostname0", ""},
	} {
		p, ok := test.in.Lookup(test.name)
		if p.Name != test.found || ok != (test.found != "") {
			t.Errorf("%s: got %q, %v", test.reason, p.Name, ok)
		}
	}
}

func TestFactsOfSingleParameters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		server         server
		version, name  string
		kind           catalog.Kind
		context, unit  string
		min, max, boot string
	}{
		{catalog.Postgres, "15", "shared_buffers", catalog.Int, "postmaster", "8kB", "16", "1073741823", "16384"},
		{catalog.Postgres, "17", "autovacuum_max_workers", catalog.Int, "postmaster", "", "1", "262143", "3"},
		{catalog.Postgres, "18", "autovacuum_max_workers", catalog.Int, "sighup", "", "1", "262143", "3"},
		{catalog.Postgres, "13", "restore_command", catalog.String, "postmaster", "", "", "", ""},
		{catalog.Postgres, "14", "restore_command", catalog.String, "sighup", "", "", "", ""},
		{catalog.Pgpool, "4.3", "num_init_children", catalog.Int, "INIT", "", "1", "2147483647", "32"},
		{catalog.Pgpool, "4.3", "backend_weight1", catalog.Real, "RELOAD", "", "0", "1e+08", "0"},
		{catalog.Pgpool, "4.1", "child_life_time", catalog.Int, "INIT", "", "0", "2147483647", "300"},
		{catalog.Pgpool, "4.3", "child_life_time", catalog.Int, "INIT", "s", "0", "2147483647", "300"},
		{catalog.Pgpool, "4.3", "log_directory", catalog.String, "INIT", "", "", "", "/tmp/pgpool_logs"},
		{catalog.Pgpool, "4.7", "log_directory", catalog.String, "RELOAD", "", "", "", "/tmp/pgpool_logs"},
		{catalog.Pgpool, "4.3", "check_temp_table", catalog.Enum, "RELOAD", "", "", "", "catalog"},
		{catalog.PgBouncer, "1.15", "client_tls_cert_file", catalog.String, "restart", "", "", "", ""},
		{catalog.PgBouncer, "1.18", "client_tls_cert_file", catalog.String, "reload", "", "", "", ""},
		{catalog.PgBouncer, "1.18", "listen_port", catalog.CInt, "restart", "", "", "", "6432"},
		{catalog.PgBouncer, "1.18", "server_lifetime", catalog.Time, "reload", "", "", "", "3600"},
	} {
		p, ok := open(t, test.server, test.version).Lookup(test.name)
		want := catalog.Parameter{Kind: test.kind, Context: test.context, Unit: test.unit, Min: test.min, Max: test.max, Default: test.boot}
		got := catalog.Parameter{Kind: p.Kind, Context: p.Context, Unit: p.Unit, Min: p.Min, Max: p.Max, Default: p.Default}
		if !ok || !equal(got, want) || p.Uncertain {
			t.Errorf("%s of %s: got %+v", test.name, test.version, p)
		}
	}
}

func equal(a, b catalog.Parameter) bool {
	return a.Kind == b.Kind && a.Context == b.Context && a.Unit == b.Unit && a.Min == b.Min && a.Max == b.Max && a.Default == b.Default
}

// What no server of that version was asked about comes from its neighbours and
// the release notes.
func TestVersionsBetweenTheMeasuredOnes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason        string
		server        server
		version, name string
		known         bool
		uncertain     bool
		effort        layer.Verdict
	}{
		{"in both neighbours", catalog.Pgpool, "4.4", "max_pool", true, false, layer.Restart},
		{"dated to this release", catalog.Pgpool, "4.4", "unix_socket_directories", true, false, layer.Restart},
		{"gone with this release", catalog.Pgpool, "4.4", "socket_dir", false, false, layer.Restart},
		{"dated to a later one", catalog.Pgpool, "4.4", "log_pcp_processes", false, false, layer.Restart},
		{"dated to an earlier one", catalog.Pgpool, "4.5", "process_management_mode", true, false, layer.Reload},
		{"not yet reloadable", catalog.Pgpool, "4.5", "log_directory", true, false, layer.Restart},
		{"reloadable later", catalog.Pgpool, "4.6", "log_directory", true, false, layer.Reload},
		{"not dated", catalog.Pgpool, "4.2", "health_check_test", true, true, layer.Restart},
		{"renamed with this release", catalog.Pgpool, "4.2", "black_function_list", false, false, layer.Restart},
		{"its new name", catalog.Pgpool, "4.2", "write_function_list", true, false, layer.Reload},
		{"TLS became reloadable", catalog.PgBouncer, "1.16", "server_tls_sslmode", true, false, layer.Reload},
		{"came later", catalog.PgBouncer, "1.18", "auth_dbname", false, false, layer.Restart},
		{"came with this release", catalog.PgBouncer, "1.19", "auth_dbname", true, false, layer.Reload},
		{"came with the measured one", catalog.PgBouncer, "1.23", "max_db_client_connections", false, false, layer.Restart},
		{"not yet gone", catalog.PgBouncer, "1.25", "suspend_timeout", true, false, layer.Reload},
		{"gone", catalog.PgBouncer, "1.26", "suspend_timeout", false, false, layer.Restart},
		{"of some minor releases only", catalog.Postgres, "16", "output_plugin_libraries", true, true, layer.Reload},
	} {
		c := open(t, test.server, test.version)
		p, known := c.Lookup(test.name)
		if known != test.known || p.Uncertain != test.uncertain || c.Effort(test.name) != test.effort {
			t.Errorf("%s: %s of %s: known %v, uncertain %v, %s", test.reason, test.name, test.version, known, p.Uncertain, c.Effort(test.name))
		}
	}
}

func TestADefaultThatChangedInBetweenIsNotKnown(t *testing.T) {
	t.Parallel()
	c := open(t, catalog.PgBouncer, "1.22")
	if value, ok := c.Default("server_tls_sslmode"); ok {
		t.Errorf("got %s", value)
	}
	if value, ok := c.Default("listen_port"); !ok || value != "6432" {
		t.Errorf("got %s, %v", value, ok)
	}
	if value, ok := c.Default("no_such_thing"); ok {
		t.Errorf("got %s", value)
	}
}

func TestAllWordsOfBothNeighboursAreAllowedIfNoneIsDated(t *testing.T) {
	t.Parallel()
	p, _ := open(t, catalog.Pgpool, "4.2").Lookup("disable_load_balance_on_write")
	if !slices.Contains(p.Values, "dml_adaptive") {
		t.Errorf("4.2: %v", p.Values)
	}
	p, _ = open(t, catalog.Pgpool, "4.1").Lookup("disable_load_balance_on_write")
	if slices.Contains(p.Values, "dml_adaptive") {
		t.Errorf("4.1: %v", p.Values)
	}
	p, _ = open(t, catalog.PgBouncer, "1.25").Lookup("auth_type")
	if !slices.Contains(p.Values, "ldap") {
		t.Errorf("1.25: %v", p.Values)
	}
}

// Every table is consistent with itself: a server takes its own defaults. Only
// Pgpool-II's port 0, which means that there is no such node, cannot be written.
func TestDefaultsPassTheirOwnCheck(t *testing.T) {
	t.Parallel()
	for server, s := range servers {
		for _, version := range s.versions {
			c := open(t, s.open, version)
			for _, name := range c.Names() {
				p, ok := c.Lookup(name)
				if !ok {
					p, ok = c.Lookup(name + "0")
				}
				if !ok || !p.HasDefault || p.ReadOnly() || strings.Contains(name, "port") && p.Default == "0" {
					continue
				}
				if said, warning := message(c, p.Name, p.Default); said != "" && !warning {
					t.Errorf("%s %s: %s = %s: %s", server, version, name, p.Default, said)
				}
			}
		}
	}
}

// Every unit of the tables is one that values can be converted to.
func TestUnitsAreUnderstood(t *testing.T) {
	t.Parallel()
	for server, s := range servers {
		for _, version := range s.versions {
			c := open(t, s.open, version)
			for _, name := range c.Names() {
				p, ok := c.Lookup(name)
				if !ok || p.Unit == "" || p.ReadOnly() {
					continue
				}
				if said, _ := message(c, name, "1 parsec"); !strings.Contains(said, `has the unit "parsec"; allowed are `) {
					t.Errorf("%s %s: %s in %s: %s", server, version, name, p.Unit, said)
				}
			}
		}
	}
}

// What the release notes are quoted for must be in the table, or the line has a
// typing error.
func TestReleaseNotesNameKnownParameters(t *testing.T) {
	t.Parallel()
	for file, server := range map[string]string{"data/pgpool.releases": "Pgpool-II", "data/pgbouncer.releases": "PgBouncer"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, version := range servers[server].versions {
			for _, name := range open(t, servers[server].open, version).Names() {
				known[name] = true
			}
		}
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); words[0] != "#" {
				for _, name := range words[1:] {
					if !known[name] {
						t.Errorf("%s: %s of %s is no parameter", file, name, words[0])
					}
				}
			}
		}
	}
}
