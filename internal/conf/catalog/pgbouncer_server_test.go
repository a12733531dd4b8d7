package catalog_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

// bouncer writes files for a real PgBouncer in a folder of its own.
type bouncer struct {
	t            *testing.T
	dir, program string
}

func newBouncer(t *testing.T) bouncer {
	t.Helper()
	return bouncer{t: t, program: testserver.Program(t, "pgbouncer"), dir: testserver.Dir(t)}
}

func (b bouncer) version() string {
	b.t.Helper()
	out, err := testserver.Command(b.t, b.dir, b.program, "-V").Output()
	if err != nil {
		b.t.Fatal(err)
	}
	return regexp.MustCompile(`[0-9]+\.[0-9.]+`).FindString(string(out))
}

func (b bouncer) catalog() *catalog.Catalog { return open(b.t, catalog.PgBouncer, b.version()) }

// file is a configuration that runs on the Unix socket in the folder, with more
// settings merged over it.
func (b bouncer) file(more string) string {
	b.t.Helper()
	base, err := ini.Parse(fmt.Sprintf("listen_addr =\nlisten_port = 6432\nunix_socket_dir = %s\nauth_type = any\npidfile = %s/pid\nadmin_users = admin\n", b.dir, b.dir))
	if err != nil {
		b.t.Fatal(err)
	}
	over, err := ini.Parse(more)
	if err != nil {
		b.t.Fatalf("%s: %v", more, err)
	}
	text, err := base.Merge(over).Print()
	if err != nil {
		b.t.Fatal(err)
	}
	return testserver.Write(b.t, filepath.Join(b.dir, "pgbouncer.ini"), text)
}

func (b bouncer) start(more string) *pgx.Conn {
	b.t.Helper()
	testserver.Launch(b.t, b.dir, b.program, b.file(more))
	return testserver.Connect(b.t, "host="+b.dir+" port=6432 user=admin dbname=pgbouncer")
}

// config is SHOW CONFIG: by name, the value, the default and changeable.
func config(t *testing.T, conn *pgx.Conn) map[string][]string {
	t.Helper()
	rows, err := conn.Query(context.Background(), "SHOW CONFIG")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	shown := map[string][]string{}
	for rows.Next() {
		var row []string
		for _, cell := range rows.RawValues() {
			row = append(row, string(cell))
		}
		shown[row[0]] = row[1:]
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return shown
}

func TestPgBouncerShowsWhatTheCatalogKnows(t *testing.T) {
	t.Parallel()
	b := newBouncer(t)
	c := b.catalog()
	shown := config(t, b.start(""))
	for name, row := range shown {
		p, known := c.Lookup(name)
		switch {
		case !known:
			t.Errorf("%s is not in the catalog", name)
		case p.HasDefault && p.Default != row[1]:
			t.Errorf("%s: the default is %q, the catalog says %q", name, row[1], p.Default)
		case (c.Effort(name) == layer.Restart) == (row[2] == "yes"):
			t.Errorf("%s: changeable is %s, the catalog says %s", name, row[2], c.Effort(name))
		}
	}
	for _, name := range c.Names() {
		if _, found := shown[name]; !found {
			t.Errorf("%s is not shown", name)
		}
	}
}

// A bad file ends PgBouncer at once, a good one keeps it running: so good values
// are tried together and bad ones one by one.
func TestPgBouncerRefusesWhatTheCatalogRefuses(t *testing.T) {
	t.Parallel()
	b := newBouncer(t)
	c := b.catalog()
	for _, text := range []string{
		"pool_mod = session", "Pool_Mode = session", "pool_mode = transactional", "pool_mode =", "max_client_conn = 10k", "max_client_conn =",
		"max_client_conn = 0x", "max_client_conn = 1.5", "max_client_conn = 1 ", "log_connections = on", "log_connections = yes", "unix_socket_mode = 0888",
		"server_lifetime = 5min", "server_lifetime = -1", "server_lifetime =", "server_lifetime = x", "auth_type = scram", "client_tls_sslmode = on",
		"[databases]\na = hots=x", "[databases]\na = host", "[databases]\na = host=''", "[databases]\na = host='x", "[databases]\na = pool_mode=fast",
		"[databases]\na = port=http", "[databases]\npgbouncer = host=x", "[users]\nu = pool_mod=session", "[users]\nu = pool_mode=fast",
	} {
		file := b.file(text)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		command := testserver.Command(t, b.dir, b.program, file)
		done := make(chan error, 1)
		go func() { out, err := command.CombinedOutput(); done <- fmt.Errorf("%w: %s", err, out) }()
		theirs := true
		accepted := time.NewTicker(10 * time.Millisecond)
	wait:
		for {
			select {
			case <-done:
				break wait
			case <-accepted.C:
				if _, err := os.Stat(filepath.Join(b.dir, "pid")); err == nil {
					theirs = false
					_ = command.Process.Kill()
					<-done
					os.Remove(filepath.Join(b.dir, "pid"))
					break wait
				}
			case <-ctx.Done():
				t.Fatalf("%s: PgBouncer neither starts nor ends", text)
			}
		}
		cancel()
		accepted.Stop()
		parsed, err := ini.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		ours := c.ValidateFile(parsed).Err() != nil
		// Before 1.16 it only logs what is wrong with a database or a user.
		if ours != theirs && !(ours && strings.HasPrefix(text, "[") && b.version() == "1.15.0") {
			t.Errorf("%s: refused by the catalog: %v, by the server: %v", text, ours, theirs)
		}
	}
}

func TestPgBouncerReadsBackWhatIsWritten(t *testing.T) {
	t.Parallel()
	b := newBouncer(t)
	values := map[string]string{
		"server_check_query": "select ';' -- # no comment", "job_name": `it's "quoted" \ ü`, "max_client_conn": "0x10", "server_lifetime": "1.5",
		"pool_mode": "STATEMENT", "unix_socket_mode": "0700", "ignore_startup_parameters": "extra_float_digits, empty",
	}
	settings := &conf.Settings{}
	for name, value := range values {
		settings.Set(name, value)
	}
	if err := b.catalog().Validate(settings).Err(); err != nil {
		t.Errorf("the catalog refuses them: %v", err)
	}
	var text strings.Builder
	for name, value := range values {
		fmt.Fprintf(&text, "%s = %s\n", name, value)
	}
	text.WriteString("[databases]\napp-1.x = host=" + b.dir + " dbname='it''s' connect_query='select 1 = 1'\n")
	conn := b.start(text.String())
	shown := config(t, conn)
	want := map[string]string{"max_client_conn": "16", "pool_mode": "statement", "unix_socket_mode": "0700"}
	for name, value := range values {
		if other := want[name]; other != "" {
			value = other
		}
		if got := shown[name][0]; got != value && !(name == "unix_socket_mode" && got == "448") {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	rows, err := conn.Query(context.Background(), "SHOW DATABASES")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := false
	for rows.Next() {
		var row []string
		for _, cell := range rows.RawValues() {
			row = append(row, string(cell))
		}
		found = found || row[0] == "app-1.x" && slices.Contains(row, "it's")
	}
	if !found {
		t.Error("the database with its quoted name did not arrive")
	}
}
