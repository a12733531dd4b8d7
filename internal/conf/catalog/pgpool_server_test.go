package catalog_test

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

// pool is a real Pgpool-II in front of a real PostgreSQL.
type pool struct {
	t            *testing.T
	dir, program string
	version      string
}

func newPool(t *testing.T) pool {
	t.Helper()
	p := pool{t: t, program: testserver.Program(t, "pgpool"), dir: testserver.Dir(t)}
	out, _ := testserver.Command(t, p.dir, p.program, "--version").CombinedOutput()
	p.version = regexp.MustCompile(`[0-9]+\.[0-9.]+`).FindString(string(out))
	testserver.Write(t, filepath.Join(p.dir, "pool_hba.conf"), "local all all trust\n")
	testserver.Write(t, filepath.Join(p.dir, "pcp.conf"), "")
	return p
}

func (p pool) catalog() *catalog.Catalog {
	p.t.Helper()
	return open(p.t, catalog.Pgpool, p.version)
}

// write writes pgpool.conf: one backend, everything on sockets in the folder,
// and more settings merged over it.
func (p pool) write(more string) string {
	p.t.Helper()
	sockets := "unix_socket_directories"
	if _, known := p.catalog().Lookup(sockets); !known {
		sockets = "socket_dir"
	}
	base, err := pgconf.Parse(pgconf.Pgpool, strings.ReplaceAll(`
backend_hostname0 = 'DIR'
backend_port0 = 5432
backend_weight0 = 1
backend_flag0 = 'DISALLOW_TO_FAILOVER'
listen_addresses = ''
port = 9999
pcp_port = 9898
pcp_listen_addresses = ''
pcp_socket_dir = 'DIR'
wd_ipc_socket_dir = 'DIR'
pid_file_name = 'DIR/pgpool.pid'
logdir = 'DIR'
pool_passwd = ''
num_init_children = 3
sr_check_period = 0
memqcache_oiddir = 'DIR'
`+sockets+` = 'DIR'
`, "DIR", p.dir))
	if err != nil {
		p.t.Fatal(err)
	}
	over, err := pgconf.Parse(pgconf.Pgpool, more)
	if err != nil {
		p.t.Fatalf("%s: %v", more, err)
	}
	text, err := pgconf.Print(pgconf.Pgpool, base.Merge(over))
	if err != nil {
		p.t.Fatal(err)
	}
	return testserver.Write(p.t, filepath.Join(p.dir, "pgpool.conf"), text)
}

func (p pool) arguments(file string, more ...string) []string {
	return append([]string{"-f", file, "-a", filepath.Join(p.dir, "pool_hba.conf"), "-F", filepath.Join(p.dir, "pcp.conf")}, more...)
}

// refuses lets the server read the file: told to stop a server that does not
// run, it reads the file first and complains about whichever is wrong.
func (p pool) refuses(more string) (said string, refused bool) {
	p.t.Helper()
	out, _ := testserver.Command(p.t, p.dir, p.program, p.arguments(p.write(more), "stop")...).CombinedOutput()
	if strings.Contains(string(out), "could not read pid file") || strings.Contains(string(out), "pid file not found") {
		return string(out), false
	}
	return string(out), true
}

// show is PGPOOL SHOW of one parameter, or of all.
func show(t *testing.T, conn *pgx.Conn, name string) map[string]string {
	t.Helper()
	rows, err := conn.Query(context.Background(), "PGPOOL SHOW "+name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	shown := map[string]string{}
	for rows.Next() {
		cells := rows.RawValues()
		if len(cells) == 1 {
			shown[name] = string(cells[0])
			continue
		}
		shown[string(cells[0])] = string(cells[1])
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return shown
}

// run starts PostgreSQL and Pgpool-II.
func (p pool) run(more string) (reload func(more string), connect func() *pgx.Conn) {
	p.t.Helper()
	testserver.PostgresAt(p.t, p.dir)
	server := testserver.Launch(p.t, p.dir, p.program, p.arguments(p.write(more), "-n", "-D")...)
	reload = func(more string) {
		p.write(more)
		server.Signal(p.t, syscall.SIGHUP)
	}
	connect = func() *pgx.Conn {
		return testserver.Connect(p.t, "host="+p.dir+" port=9999 user=postgres dbname=postgres")
	}
	return reload, connect
}

func TestPgpoolShowsWhatTheCatalogKnows(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	c := p.catalog()
	_, connect := p.run("")
	shown := show(t, connect(), "ALL")
	if len(shown) < 120 {
		t.Fatalf("only %d parameters are shown", len(shown))
	}
	for name := range shown {
		if _, known := c.Lookup(name); !known {
			t.Errorf("%s is shown and not in the catalog", name)
		}
	}
	// A family is shown with those members that are in use only, and old names
	// of parameters are hidden.
	hidden := []string{"fail_over_on_backend_error", "delegate_IP", "logdir"}
	for _, name := range c.Names() {
		if _, plain := shown[name]; plain || slices.Contains(hidden, name) {
			continue
		}
		if member, isMember := c.Lookup(name + "0"); isMember {
			_ = member
			continue
		}
		t.Errorf("%s is in the catalog and not shown", name)
	}
}

func TestPgpoolRefusesWhatTheCatalogRefuses(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	c := p.catalog()
	for _, text := range []string{
		"num_init_children = 4", "num_init_children = 0", "num_init_children = many", "num_init_children = 4kB", "num_init_children = 99999999999",
		"num_init_children = 0x4", "num_init_children = '4 '", "num_init_children = 4.4", "num_init_children = ''",
		"child_life_time = 5min", "child_life_time = '5 min'", "child_life_time = 5MB", "child_life_time = -1", "child_life_time = 1d",
		"child_life_time = '1.5h'", "memqcache_total_size = 64MB", "memqcache_total_size = 64mb", "memqcache_cache_block_size = 511",
		"backend_weight1 = 0.5", "backend_weight1 = -1", "backend_port1 = 80", "backend_port1 = 70000",
		"backend_flag1 = 'ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER'", "backend_flag1 = 'ALWAYS_MASTER'", "backend_flag1 = 'ALLOW_TO_FAILOVER|DISALLOW_TO_FAILOVER'",
		"backend_flag1 = ''", "load_balance_mode = yes", "load_balance_mode = t",
		"backend_clustering_mode = raw", "backend_clustering_mode = RAW", "backend_clustering_mode = cooked", "log_min_messages = warning", "log_min_messages = loud",
		"check_temp_table = trace", "check_temp_table = perhaps", "disable_load_balance_on_write = off", "disable_load_balance_on_write = false",
		"health_check_period = 5", "health_check_period0 = 5", "health_check_period0 = x", "health_check_period = 5kB",
		"backend_hostname128 = x", "backend_weight = 5", "relcache_query_target = master", "relcache_query_target = primary",
	} {
		said, theirs := p.refuses(text)
		settings, err := pgconf.Parse(pgconf.Pgpool, text)
		ours := err != nil || c.Validate(settings).Err() != nil
		// 4.1 reads numbers with atoi, which takes anything.
		lenient := strings.HasPrefix(p.version, "4.1.")
		if ours != theirs && !(ours && lenient) {
			t.Errorf("%s: refused by us: %v (%v, %v), by the server: %v: %s", text, ours, err, c.Validate(settings), theirs, said)
		}
	}
}

// This is why the catalog exists: the server takes anything for a name, any word
// for a boolean (as on) and for a real number (as 0).
func TestPgpoolTakesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	for _, text := range []string{
		"no_such_thing = 5", "Port = 5", "num_init_childs = 5",
		"load_balance_mode = 2", "load_balance_mode = enabled", "load_balance_mode = o", "backend_weight1 = heavy",
	} {
		if said, refused := p.refuses(text); refused {
			t.Errorf("%s is refused after all: %s", text, said)
		}
		settings, err := pgconf.Parse(pgconf.Pgpool, text)
		if err != nil || p.catalog().Validate(settings).Err() == nil {
			t.Errorf("%s is not refused by the catalog: %v", text, err)
		}
	}
}

func TestPgpoolReadsBackWhatIsWritten(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	values := map[string]string{
		"failover_command": `sh -c "x %d \$y" # no comment`, "failback_command": `back\slash\`, "follow_primary_command": `a\'b`,
		"wd_escalation_command": "", "wd_de_escalation_command": "ü € a=b", "recovery_1st_stage_command": "",
	}
	settings := pgconf.New(pgconf.Pgpool)
	for name, value := range values {
		if _, known := p.catalog().Lookup(name); known { // 4.1 has another name for one of them
			settings.Set(name, value)
		}
	}
	text, err := pgconf.Print(pgconf.Pgpool, settings)
	if err != nil {
		t.Fatal(err)
	}
	_, connect := p.run(text)
	conn := connect()
	for one := range settings.All() {
		if got := show(t, conn, one.Name)[one.Name]; got != one.Value {
			t.Errorf("%s: got %q, want %q", one.Name, got, one.Value)
		}
	}
}

// bare is a shown number without its unit.
func bare(value string) string { return strings.TrimRight(value, "s") }

// becomes waits until new sessions have the value.
func becomes(t *testing.T, connect func() *pgx.Conn, name, value string) {
	t.Helper()
	got := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		conn := connect()
		got = bare(show(t, conn, name)[name])
		conn.Close(context.Background())
		if got == value {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s stays %q, want %q", name, got, value)
}

// A reload takes new values, and skips what Judge says it skips: lines that are
// gone, another address of a backend, and flags that are gone.
func TestPgpoolSkipsAtAReloadWhatJudgeSays(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	always := "ALWAYS_PRIMARY"
	if strings.HasPrefix(p.version, "4.1") {
		always = "ALWAYS_MASTER"
	}
	second := fmt.Sprintf("backend_hostname1 = '%s'\nbackend_port1 = 5432\nbackend_weight1 = 0\n", p.dir)
	reload, connect := p.run("client_idle_limit = 100\nbackend_flag0 = '" + always + "|DISALLOW_TO_FAILOVER'\n" + second + "search_primary_node_timeout = 7\n")
	becomes(t, connect, "client_idle_limit", "100")
	reload("search_primary_node_timeout = 8\nmax_pool = 5\nbackend_flag0 = 'DISALLOW_TO_FAILOVER'\n" +
		strings.ReplaceAll(second, "= 5432", "= 5433"))
	becomes(t, connect, "search_primary_node_timeout", "8")
	after := show(t, connect(), "ALL")
	for name, change := range map[string]struct{ before, now, kept, taken string }{
		"client_idle_limit": {before: "100", kept: "100", taken: "0"},
		"max_pool":          {now: "5", kept: "4", taken: "5"},
		"backend_port1":     {before: "5432", now: "5433", kept: "5432", taken: "5433"},
		"backend_flag0": {before: always + "|DISALLOW_TO_FAILOVER", now: "DISALLOW_TO_FAILOVER",
			kept: "DISALLOW_TO_FAILOVER|" + always, taken: "DISALLOW_TO_FAILOVER"},
	} {
		want := change.taken
		if p.catalog().Judge(name, optional(change.before), optional(change.now)) == layer.Restart {
			want = change.kept
		}
		if got := bare(after[name]); got != want {
			t.Errorf("%s is %q after the reload, want %q", name, got, want)
		}
	}
}

func optional(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}
