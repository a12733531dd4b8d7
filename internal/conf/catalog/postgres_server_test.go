package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// reader asks a real PostgreSQL to read candidate files, without starting it.
type reader struct {
	t         *testing.T
	dir, data string
	program   string
}

func newReader(t *testing.T) reader {
	t.Helper()
	dir := testserver.Dir(t)
	return reader{t: t, dir: dir, data: testserver.DataFolder(t, dir), program: testserver.Program(t, "postgres")}
}

// version is the major of the installed PostgreSQL.
func (r reader) version() string {
	r.t.Helper()
	out, err := testserver.Command(r.t, r.dir, r.program, "--version").Output()
	if err != nil {
		r.t.Fatal(err)
	}
	return regexp.MustCompile(`[0-9.]+`).FindString(string(out))
}

// read returns what the server says while it reads the file, and the value of
// one parameter in it.
func (r reader) read(text, parameter string) (said, value string) {
	r.t.Helper()
	candidate := testserver.Write(r.t, filepath.Join(r.dir, "candidate.conf"), text)
	command := testserver.Command(r.t, r.dir, r.program, "-D", r.data, "-c", "config_file="+candidate, "-C", parameter)
	var log strings.Builder
	command.Stderr = &log
	out, err := command.Output()
	if err != nil && log.Len() == 0 {
		r.t.Fatalf("%s: %v", command, err)
	}
	return log.String(), string(out)
}

// tooNew are the parameters that came with a later minor version than this server's: the catalog has those of the newest.
// There are very few of them; more would be a mistake of the catalog's.
func (r reader) tooNew(c *catalog.Catalog) map[string]bool {
	r.t.Helper()
	lacks := map[string]bool{}
	for {
		var text strings.Builder
		for _, name := range c.Names() {
			if p, _ := c.Lookup(name); !p.ReadOnly() && !p.Uncertain && !lacks[p.Name] {
				fmt.Fprintf(&text, "%s = x\n", p.Name) // names are looked at before values
			}
		}
		said, _ := r.read(text.String(), "port")
		found := unrecognized.FindStringSubmatch(said)
		if found == nil {
			return lacks
		}
		if lacks[found[1]] = true; len(lacks) > 4 {
			r.t.Fatalf("PostgreSQL %s knows none of %v", r.version(), lacks)
		}
		r.t.Logf("PostgreSQL %s does not have %s yet", r.version(), found[1])
	}
}

var unrecognized = regexp.MustCompile(`unrecognized configuration parameter "([^"]+)"`)

// candidates are values to try on a parameter, good and bad, one a round.
var candidates = []func(p catalog.Parameter) string{
	func(p catalog.Parameter) string { return p.Default },
	func(p catalog.Parameter) string { return p.Min },
	func(p catalog.Parameter) string { return p.Max },
	func(p catalog.Parameter) string { return "-2" },
	func(p catalog.Parameter) string { return "9223372036854775808" },
	func(p catalog.Parameter) string { return "banana" },
	func(p catalog.Parameter) string { return "1.5" },
	func(p catalog.Parameter) string { return "0x10" },
	func(p catalog.Parameter) string { return "1e2" },
	func(p catalog.Parameter) string { return "10MB" },
	func(p catalog.Parameter) string { return "10 min" },
	func(p catalog.Parameter) string { return "10kb" },
	func(p catalog.Parameter) string { return "tr" },
	func(p catalog.Parameter) string { return "o" },
	func(p catalog.Parameter) string { return "YES" },
	func(p catalog.Parameter) string { return "" },
	func(p catalog.Parameter) string { return " 7" },
	func(p catalog.Parameter) string { return "7 " },
	func(p catalog.Parameter) string {
		return strings.ToUpper(strings.Join(p.Values[:min(1, len(p.Values))], ""))
	},
}

// ownChecks are reasons for which a server refuses a value that the catalog,
// which looks at one value and does not know the machine, lets pass.
var ownChecks = map[string]string{
	"autovacuum_max_workers":    sum,
	"max_connections":           sum,
	"max_wal_senders":           sum,
	"max_worker_processes":      sum,
	"max_stack_depth":           "is checked against the machine's limit",
	"vacuum_buffer_usage_limit": "allows 0 below its smallest value",
	"huge_page_size":            "needs huge pages of that size",
	"effective_io_concurrency":  "depends on the system",
	"wal_compression":           "depends on the libraries the server is built with",
	"default_toast_compression": "depends on the libraries the server is built with",
	"commit_timestamp_buffers":  banks,
	"multixact_member_buffers":  banks,
	"multixact_offset_buffers":  banks,
	"notify_buffers":            banks,
	"serializable_buffers":      banks,
	"subtransaction_buffers":    banks,
	"transaction_buffers":       banks,
}

const (
	sum   = "counts towards a sum, which is a matter of Conflicts"
	banks = "must be a multiple of the bank size"
)

func TestPostgresAgreesAboutEveryParameter(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	c := open(t, catalog.Postgres, r.version())
	refused, lacks := 0, r.tooNew(c)
	for round, candidate := range candidates {
		settings := pgconf.New(pgconf.PostgreSQL)
		for _, name := range c.Names() {
			p, _ := c.Lookup(name)
			if p.ReadOnly() || p.Uncertain || lacks[p.Name] || name == "config_file" || name == "data_directory" {
				continue
			}
			// What decides how the server reports the rest keeps its default.
			// A second recovery target is an error that hides all others.
			if strings.HasPrefix(name, "log_") || name == "client_min_messages" || strings.HasPrefix(name, "lc_") || strings.HasPrefix(name, "recovery_target") {
				continue
			}
			settings.Set(p.Name, candidate(p))
		}
		text, err := pgconf.Print(pgconf.PostgreSQL, settings)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := r.read(text, "port")
		for one := range settings.All() {
			p, _ := c.Lookup(one.Name)
			ours := c.Validate(conf.NewSettings(conf.ExactCase, one)).Err()
			theirs := strings.Contains(said, `"`+p.Name+`"`)
			if theirs {
				refused++
			}
			_, own := ownChecks[p.Name]
			switch {
			case ours != nil && !theirs:
				t.Errorf("round %d: the server takes %s = %q, the catalog says: %v", round, p.Name, one.Value, ours)
			case ours == nil && theirs && !own && p.Kind != catalog.String:
				t.Errorf("round %d: the server refuses %s = %q: %s", round, p.Name, one.Value, line(said, p.Name))
			}
		}
	}
	if refused < 1000 {
		t.Errorf("the server refused %d values only: did it read them?", refused)
	}
}

func line(said, name string) string {
	for line := range strings.Lines(said) {
		if strings.Contains(line, `"`+name+`"`) {
			return line
		}
	}
	return ""
}

func TestPostgresRefusesTheSameNames(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	c := open(t, catalog.Postgres, r.version())
	names := []string{"work_men", "datestyle", "my.ext", "sort_mem", "transaction_isolation", "is_superuser", "role", "seed", "block_size", "wal_keep_segments"}
	for _, name := range names {
		said, _ := r.read(name+" = 'x'\n", "port")
		theirs := strings.Contains(said, "unrecognized configuration parameter") || strings.Contains(said, "cannot be changed")
		ours := false
		if text, warning := message(c, name, "x"); !warning {
			ours = strings.HasPrefix(text, "unrecognized") || strings.HasPrefix(text, "shows a property")
		}
		// The catalog refuses more: what cannot be shown cannot be verified, and
		// old names are told apart from mistakes by nobody but the server.
		if theirs && !ours {
			t.Errorf("the server refuses %s, the catalog does not: %s", name, said)
		}
	}
}

// What Quote writes, the server reads as it was.
func TestPostgresReadsBackWhatIsQuoted(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	for _, value := range []string{
		"plain", "", "it's", `C:\dir\`, "two\nlines", "tab\there", "a # b", `\'`, "''", "100%", "ä ß €", "\x01\x7f", `\101`, " blanks ", "a = b", "\r",
	} {
		quoted, err := pgconf.Quote(pgconf.PostgreSQL, value)
		if err != nil {
			t.Fatal(err)
		}
		if said, got := r.read("restore_command = "+quoted+"\n", "restore_command"); got != value+"\n" {
			t.Errorf("%s was read as %q: %s", quoted, got, said)
		}
	}
}

// What Parse accepts and refuses, the server does, but for includes.
func TestPostgresAgreesAboutSyntax(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	for _, text := range []string{
		"port 1", "port=1", "port = 1 # c", "port '1'", "port = +1", "port = 0x1", "port = 1s", "restore_command = a.b", "restore_command = a/b-c:d",
		"restore_command = 'a''b'", `restore_command = 'a\'b'`, "restore_command = ''", "RESTORE_command a", "a.b = c", "a.b = c.d", "\tport\t1\r",
		"port", "port =", "port = = 1", "port = 1 2", "port = 'a", "port = /x", "= 1", "1 = 1", "a-b = 1", "a.b.c = 1", "port = 1.5GB", "port = *", "'port' = 1",
		"port = 10.0.0.1", "port: 1", "port = 1;", "{", `restore_command = 'a\'`, `restore_command = "a"`, "// x", "restore_command = a,b", "été = 1",
	} {
		said, _ := r.read("archive_command = fine\n"+text+"\n", "archive_command")
		theirs := strings.Contains(said, "syntax error")
		_, err := pgconf.Parse(pgconf.PostgreSQL, text)
		if ours := err != nil; ours != theirs {
			t.Errorf("%s: Parse says %v, the server: %s", text, err, said)
		}
	}
}

// The combinations of Conflicts are those that a server really dies of.
func TestPostgresDiesOfConflicts(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	c := open(t, catalog.Postgres, r.version())
	for _, text := range []string{
		"wal_level = minimal", "wal_level = minimal\nmax_wal_senders = 0\narchive_mode = on", "max_connections = 3",
		"max_connections = 262000\nmax_worker_processes = 262000",
	} {
		settings, err := pgconf.Parse(pgconf.PostgreSQL, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(settings).Err(); err != nil {
			t.Errorf("%s: already refused by itself: %v", text, err)
		}
		if c.Conflicts(settings).Err() == nil {
			t.Errorf("%s: no conflict found", text)
		}
		candidate := testserver.Write(t, filepath.Join(r.dir, "start.conf"), fmt.Sprintf("%s\nlisten_addresses = ''\nunix_socket_directories = '%s'\n", text, r.dir))
		start := testserver.Command(t, r.dir, r.program, "-D", r.data, "-c", "config_file="+candidate)
		if out, err := start.CombinedOutput(); err == nil {
			t.Errorf("%s: the server started and ended well: %s", text, out)
		}
	}
}
