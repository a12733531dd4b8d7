package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

func text(value string) *string { return &value }

func TestTheContextDecidesWhatAChangeTakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		server        server
		version, name string
		want          layer.Verdict
	}{
		{catalog.Postgres, "17", "work_mem", layer.Reload},
		{catalog.Postgres, "17", "log_connections", layer.Reload},
		{catalog.Postgres, "17", "ssl_cert_file", layer.Reload},
		{catalog.Postgres, "17", "TimeZone", layer.Reload},
		{catalog.Postgres, "17", "max_connections", layer.Restart},
		{catalog.Postgres, "17", "no_such_thing", layer.Restart},
		{catalog.Postgres, "17", "my.extension", layer.Restart},
		{catalog.Pgpool, "4.3", "num_init_children", layer.Restart},
		{catalog.Pgpool, "4.3", "ssl_cert", layer.Restart},
		{catalog.Pgpool, "4.3", "sr_check_period", layer.Reload},
		{catalog.Pgpool, "4.3", "client_idle_limit", layer.Reload},
		{catalog.Pgpool, "4.3", "backend_weight1", layer.Reload},
		{catalog.PgBouncer, "1.18", "listen_port", layer.Restart},
		{catalog.PgBouncer, "1.18", "pool_mode", layer.Reload},
		{catalog.PgBouncer, "1.18", "server_tls_sslmode", layer.Reload},
		{catalog.PgBouncer, "1.15", "server_tls_sslmode", layer.Restart},
	} {
		c := open(t, test.server, test.version)
		if got := c.Judge(test.name, text("1"), text("2")); got != test.want || c.Effort(test.name) != test.want {
			t.Errorf("%s of %s: got %s", test.name, test.version, got)
		}
	}
}

// The exceptions were seen at a real Pgpool-II: see the tests with servers.
func TestPgpoolSkipsSomeChangesAtAReload(t *testing.T) {
	t.Parallel()
	c := open(t, catalog.Pgpool, "4.3")
	for _, test := range []struct {
		reason, name string
		old, new     *string
		want         layer.Verdict
	}{
		{"a new value", "sr_check_period", text("1"), text("2"), layer.Reload},
		{"a line that is gone", "sr_check_period", text("1"), nil, layer.Restart},
		{"a line that is new", "sr_check_period", nil, text("2"), layer.Reload},
		{"a new backend", "backend_hostname2", nil, text("b"), layer.Reload},
		{"another address of a backend", "backend_hostname2", text("a"), text("b"), layer.Restart},
		{"another port of a backend", "backend_port2", text("5432"), text("5433"), layer.Restart},
		{"a backend that is gone", "backend_hostname2", text("a"), nil, layer.Restart},
		{"a flag that is gone", "backend_flag0", text("ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER"), text("DISALLOW_TO_FAILOVER"), layer.Restart},
		{"another list of patterns", "write_function_list", text("a,b"), text("a"), layer.Restart},
		{"the first list of patterns", "write_function_list", text(""), text("a"), layer.Reload},
		{"a flag that is new", "backend_flag0", text("DISALLOW_TO_FAILOVER"), text("ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER"), layer.Reload},
	} {
		if got := c.Judge(test.name, test.old, test.new); got != test.want {
			t.Errorf("%s: got %s, want %s", test.reason, got, test.want)
		}
	}
	for version, want := range map[string]layer.Verdict{"4.6.9": layer.Restart, "4.7": layer.Restart, "4.7.2": layer.Restart, "4.7.3": layer.Reload, "4.7.10": layer.Reload} {
		if got := open(t, catalog.Pgpool, version).Judge("sr_check_period", text("1"), nil); got != want {
			t.Errorf("a line that is gone in %s: got %s, want %s", version, got, want)
		}
	}
	if got := open(t, catalog.Postgres, "17").Judge("work_mem", text("1MB"), nil); got != layer.Reload {
		t.Errorf("PostgreSQL returns to the default by itself: got %s", got)
	}
}

func TestRemovingASettingFromPgpoolCanBeAReload(t *testing.T) {
	t.Parallel()
	c := open(t, catalog.Pgpool, "4.3")
	old, now := &conf.Settings{}, &conf.Settings{}
	for _, name := range []string{"sr_check_period", "num_init_children", "backend_hostname2", "backend_weight2", "no_such_thing"} {
		old.Set(name, "5")
	}
	old.Set("client_idle_limit", "0") // the default
	now.Set("max_pool", "4")
	spelled := c.SpellRemoved(old, now)
	want := conf.NewSettings(conf.ExactCase, conf.Setting{Name: "max_pool", Value: "4"},
		conf.Setting{Name: "sr_check_period", Value: "10"}, conf.Setting{Name: "backend_weight2", Value: "0"})
	if diff := cmp.Diff(want.Names(), spelled.Names()); diff != "" || !spelled.Equal(want) {
		t.Errorf("%s", diff)
	}
	for _, change := range layer.Diff(old, spelled, c) {
		if change.Name == "sr_check_period" && change.Verdict != layer.Reload {
			t.Errorf("got %+v", change)
		}
	}
	if now.Len() != 1 {
		t.Error("the argument changed")
	}
	if got := layer.Diff(spelled, now, c); len(got) != 0 {
		t.Errorf("dropping the spelled defaults later is a change: %+v", got)
	}
	if got := open(t, catalog.Postgres, "17").SpellRemoved(old, now); !got.Equal(now) {
		t.Errorf("PostgreSQL does not need it: %v", got.Names())
	}
}

func TestTwoSpellingsOfOneValueAreTheSame(t *testing.T) {
	t.Parallel()
	postgres, pgpool, bouncer := open(t, catalog.Postgres, "17"), open(t, catalog.Pgpool, "4.3"), open(t, catalog.PgBouncer, "1.18")
	for _, test := range []struct {
		in         *catalog.Catalog
		name, a, b string
		same       bool
	}{
		{postgres, "work_mem", "1GB", "1024MB", true},
		{postgres, "work_mem", "1024", "1MB", true},
		{postgres, "work_mem", "1GB", "1025MB", false},
		{postgres, "shared_buffers", "128MB", "16384", true},
		{postgres, "WORK_MEM", "1GB", "1024MB", true},
		{postgres, "ssl", "on", "TRUE", true},
		{postgres, "ssl", "on", "off", false},
		{postgres, "synchronous_commit", "on", "yes", true},
		{postgres, "synchronous_commit", "ON", "on", true},
		{postgres, "synchronous_commit", "on", "local", false},
		{postgres, "random_page_cost", "4", "4.0", true},
		{postgres, "search_path", "a, b", "a,b", false},
		{postgres, "statement_timeout", "1min", "60000", true},
		{postgres, "work_mem", "rubbish", "nonsense", false},
		{postgres, "work_mem", "rubbish", "rubbish", true},
		{postgres, "my.extension", "1", "1.0", false},
		{pgpool, "child_life_time", "5min", "300", true},
		{pgpool, "backend_weight0", "1", "1.0", true},
		{pgpool, "load_balance_mode", "on", "1", true},
		{bouncer, "server_lifetime", "60", "60.0", true},
		{bouncer, "unix_socket_mode", "0777", "511", true},
		{bouncer, "pool_mode", "Session", "session", true},
	} {
		if got := test.in.Same(test.name, test.a, test.b); got != test.same {
			t.Errorf("%s: %s and %s: got %v", test.name, test.a, test.b, got)
		}
	}
}

func TestHotStandbyFloorsAreKnown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"max_connections", "MAX_CONNECTIONS", "max_wal_senders", "max_worker_processes", "max_prepared_transactions", "max_locks_per_transaction"} {
		if p, known := open(t, catalog.Postgres, "17").Lookup(name); !catalog.HotStandbyFloor(name) || !known || p.Context != "postmaster" {
			t.Errorf("%s is not", name)
		}
	}
	if catalog.HotStandbyFloor("work_mem") {
		t.Error("work_mem is")
	}
}
