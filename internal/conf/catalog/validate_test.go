package catalog_test

import (
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

// message is what Validate says about one setting; empty for nothing.
func message(c *catalog.Catalog, name, value string) (text string, warning bool) {
	problems := c.Validate(conf.NewSettings(conf.ExactCase, conf.Setting{Name: name, Value: value, Line: 1}))
	if len(problems) == 0 {
		return "", false
	}
	return problems[0].Message, problems[0].Warning
}

func TestMessagesTellWhatToDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		server               server
		version, name, value string
		message              string
		warning              bool
	}{
		{server: catalog.Postgres, version: "17", name: "work_mem", value: "64MB"},
		{server: catalog.Postgres, version: "17", name: "WORK_MEM", value: "64MB"},
		{server: catalog.Postgres, version: "17", name: "work_men", value: "64MB", message: "unrecognized parameter; did you mean work_mem?"},
		{server: catalog.Postgres, version: "17", name: "datestile", value: "ISO", message: "unrecognized parameter; did you mean DateStyle?"},
		{server: catalog.Postgres, version: "17", name: "zzzz", value: "1", message: "unrecognized parameter: PostgreSQL 17 has no parameter of that name"},
		{server: catalog.Postgres, version: "17.11", name: "force_parallel_mode", value: "on", message: "unrecognized parameter: PostgreSQL 17.11 does not have it, 13 to 15 does"},
		{server: catalog.Postgres, version: "17", name: "io_method", value: "sync", message: "unrecognized parameter: PostgreSQL 17 does not have it, 18 does"},
		{server: catalog.Postgres, version: "17", name: "work_mem", value: "1", message: "is outside of the range 64 to 2147483647, counted in units of kB"},
		{server: catalog.Postgres, version: "17", name: "work_mem", value: "64 XB", message: `has the unit "XB"; allowed are TB, GB, MB, kB, B`},
		{server: catalog.Postgres, version: "17", name: "max_connections", value: "0", message: "is outside of the range 1 to 262143"},
		{server: catalog.Postgres, version: "17", name: "max_connections", value: "many", message: "must be a whole number"},
		{server: catalog.Postgres, version: "17", name: "random_page_cost", value: "-1", message: "is outside of the range 0 to 1.79769e+308"},
		{server: catalog.Postgres, version: "17", name: "ssl", value: "maybe", message: "must be a boolean: on or off"},
		{server: catalog.Postgres, version: "17", name: "wal_level", value: "full", message: "must be one of: minimal, replica, logical"},
		{server: catalog.Postgres, version: "17", name: "wal_level", value: "hot_standby"},
		{server: catalog.Postgres, version: "17", name: "synchronous_commit", value: "TRUE"},
		{server: catalog.Postgres, version: "13", name: "password_encryption", value: "on"},
		{server: catalog.Postgres, version: "14", name: "password_encryption", value: "on", message: "must be one of: md5, scram-sha-256"},
		{server: catalog.Postgres, version: "17", name: "block_size", value: "8192", message: "shows a property of the server and cannot be set"},
		{server: catalog.Postgres, version: "17", name: "pg_stat_statements.max", value: "x", message: "belongs to an extension, whose parameters are not checked", warning: true},
		{server: catalog.Postgres, version: "16", name: "output_plugin_libraries", value: "x", warning: true,
			message: "PostgreSQL 16 may not know this parameter or may treat it differently: its neighbouring versions disagree"},

		{server: catalog.Pgpool, version: "4.3.5", name: "num_init_children", value: "32"},
		{server: catalog.Pgpool, version: "4.3.5", name: "num_init_childs", value: "32", message: "unrecognized parameter; did you mean num_init_children?"},
		{server: catalog.Pgpool, version: "4.3.5", name: "Port", value: "32", message: "unrecognized parameter; did you mean port?"},
		{server: catalog.Pgpool, version: "4.3.5", name: "backend_hostname", value: "a", message: "needs the number of a node at its end: backend_hostname0 to backend_hostname127"},
		{server: catalog.Pgpool, version: "4.3.5", name: "backend_hostname200", value: "a", message: "has no such number: allowed are backend_hostname0 to backend_hostname127"},
		{server: catalog.Pgpool, version: "4.3.5", name: "backend_hostnam1", value: "a", message: "unrecognized parameter; did you mean backend_hostname1?"},
		{server: catalog.Pgpool, version: "4.3.5", name: "backend_port0", value: "80", message: "is outside of the range 1024 to 65535"},
		{server: catalog.Pgpool, version: "4.3.5", name: "backend_flag0", value: "ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER"},
		{server: catalog.Pgpool, version: "4.3.5", name: "backend_flag0", value: "ALWAYS_MASTER", message: `has the unknown flag "ALWAYS_MASTER"; allowed, joined by |: ALLOW_TO_FAILOVER, DISALLOW_TO_FAILOVER, ALWAYS_PRIMARY`},
		{server: catalog.Pgpool, version: "4.1.4", name: "backend_flag0", value: "ALWAYS_MASTER"},
		{server: catalog.Pgpool, version: "4.3.5", name: "backend_flag0", value: "ALLOW_TO_FAILOVER|DISALLOW_TO_FAILOVER", message: "cannot have both ALLOW_TO_FAILOVER and DISALLOW_TO_FAILOVER"},
		{server: catalog.Pgpool, version: "4.3.5", name: "child_life_time", value: "5min"},
		{server: catalog.Pgpool, version: "4.1.4", name: "child_life_time", value: "5min", message: `must be a number without a unit, not followed by "min"`},
		{server: catalog.Pgpool, version: "4.1.4", name: "child_life_time", value: "0x10", message: "must be a whole number in decimal digits"},
		{server: catalog.Pgpool, version: "4.3.5", name: "child_life_time", value: "0x10"},
		{server: catalog.Pgpool, version: "4.3.5", name: "backend_flag0", value: ""},
		{server: catalog.Pgpool, version: "4.1.4", name: "backend_flag0", value: "", message: `has the unknown flag ""; allowed, joined by |: ALLOW_TO_FAILOVER, DISALLOW_TO_FAILOVER, ALWAYS_MASTER`},
		{server: catalog.Pgpool, version: "4.1.4", name: "backend_clustering_mode", value: "raw", message: "unrecognized parameter: Pgpool-II 4.1.4 does not have it, 4.3 to 4.6 does"},
		{server: catalog.Pgpool, version: "4.3.5", name: "other_pgpool_hostname0", value: "a", message: "unrecognized parameter: Pgpool-II 4.3.5 does not have it, 4.1 does"},

		{server: catalog.PgBouncer, version: "1.18", name: "pool_mode", value: "Transaction"},
		{server: catalog.PgBouncer, version: "1.18", name: "pool_mode", value: "transactional", message: "must be one of: session, transaction, statement"},
		{server: catalog.PgBouncer, version: "1.18", name: "max_client_conn", value: "10k", message: "must be a whole number; for on and off write 1 and 0"},
		{server: catalog.PgBouncer, version: "1.18", name: "log_connections", value: "on", message: "must be a whole number; for on and off write 1 and 0"},
		{server: catalog.PgBouncer, version: "1.18", name: "unix_socket_mode", value: "0777"},
		{server: catalog.PgBouncer, version: "1.18", name: "server_lifetime", value: "1.5"},
		{server: catalog.PgBouncer, version: "1.18", name: "server_lifetime", value: "5min", message: "must be a number of seconds, without a unit"},
		{server: catalog.PgBouncer, version: "1.18", name: "server_lifetime", value: "-1", message: "must be a number of seconds, not negative"},
		{server: catalog.PgBouncer, version: "1.18", name: "max_prepared_statements", value: "100", message: "unrecognized parameter: PgBouncer 1.18 does not have it, 1.24 to 1.26 does"},
		{server: catalog.PgBouncer, version: "1.18", name: "conffile", value: "/x", message: "would make PgBouncer read another file at the next reload, which is not allowed here"},
	} {
		got, warning := message(open(t, test.server, test.version), test.name, test.value)
		if got != test.message || warning != test.warning {
			t.Errorf("%s = %s in %s: got %q (warning: %v), want %q", test.name, test.value, test.version, got, warning, test.message)
		}
	}
}

func TestProblemsKeepTheLineOfTheText(t *testing.T) {
	t.Parallel()
	settings, err := pgconf.Parse(pgconf.PostgreSQL, "# mine\nwork_mem = 64MB\n\nmax_conections = 5\nssl = 3\n")
	if err != nil {
		t.Fatal(err)
	}
	err = open(t, catalog.Postgres, "15").Validate(settings).Err()
	want := `line 4: max_conections = "5": unrecognized parameter; did you mean max_connections?
line 5: ssl = "3": must be a boolean: on or off`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestAWholePgBouncerFileIsChecked(t *testing.T) {
	t.Parallel()
	file, err := ini.Parse(strings.Join([]string{
		"[databases]",
		"app = host=db port=5432 pool_mode=Transaction password='it''s'",
		"* =",
		"pgbouncer = host=db",
		"b = hots=db",
		"c = port=http",
		"d = port",
		"e = pool_mode=fast pool_size=-1",
		"f = auth_dbname=x",
		"[users]",
		"bob = pool_mode=session max_user_connections=5",
		"eve = pool_size=5",
		"[peers]",
		"1 = host=a",
		"[pgbouncer]",
		"pool_mod = session",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range open(t, catalog.PgBouncer, "1.18.0").ValidateFile(file) {
		got = append(got, p.String())
	}
	want := []string{
		`line 4: [databases] pgbouncer = "host=db": the name is reserved for PgBouncer's own console`,
		`line 5: [databases] b = "hots=db": unrecognized key "hots"; known are: dbname, host, port`,
		`line 6: [databases] c = "port=http": port=http must be a port, 1 to 65535`,
		`line 7: [databases] d = "port": expected key=value at "port"`,
		`line 8: [databases] e = "pool_mode=fast pool_size=-1": pool_mode=fast must be one of: session, transaction, statement`,
		`line 8: [databases] e = "pool_mode=fast pool_size=-1": pool_size=-1 must be a whole number, not negative`,
		`line 9: [databases] f = "auth_dbname=x": auth_dbname came with PgBouncer 1.19`,
		`line 12: [users] eve = "pool_size=5": pool_size came with PgBouncer 1.23`,
		`line 14: [peers] 1 = "host=a": peers came with PgBouncer 1.19; 1.18.0 refuses the section`,
		`line 16: [pgbouncer] pool_mod = "session": unrecognized parameter; did you mean pool_mode?`,
	}
	if len(got) != len(want) {
		t.Fatalf("got %s", strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %s, want %s", got[i], want[i])
		}
	}
}

func TestPeersOfANewerPgBouncer(t *testing.T) {
	t.Parallel()
	file, err := ini.Parse("[peers]\n1 = host=a port=6432\nx = host=b\n70000 = host=c\n2 = port=5\n")
	if err != nil {
		t.Fatal(err)
	}
	problems := open(t, catalog.PgBouncer, "1.24").ValidateFile(file)
	if len(problems) != 3 || problems[0].Name != "x" || problems[1].Name != "70000" || problems[2].Message != "a peer needs a host" {
		t.Errorf("got %v", problems)
	}
}
