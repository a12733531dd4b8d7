package pgpool

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// administrator is PCP's in these tests.
var administrator = backend.User{Name: "pcp", Password: `pcp "pass" wörd\`}

// running is a real Pgpool over rendered files, in front of a Postgres.
type running struct {
	dir       string
	port, pcp int32
}

func start(t *testing.T, pg *testserver.Postgres, mode sharedv1.ClientAuthMode, users map[string]string) running {
	t.Helper()
	r := prepare(t, pg, users, func(in *ConfigInput) { in.ClientAuthMode = mode })
	r.serve(t)
	return r
}

// prepare writes the files of a Pgpool whose connections to the server do not outlive their clients.
func prepare(t *testing.T, pg *testserver.Postgres, users map[string]string, change func(*ConfigInput)) running {
	t.Helper()
	testserver.Need(t, "pgpool", "pcp_node_count")
	r := running{dir: testserver.Dir(t), port: testserver.Port(t), pcp: testserver.Port(t)}
	in := ConfigInput{
		Version: testserver.Version(t, "pgpool"), Custom: custom.Text{Inline: "connection_cache = off"},
		Backends: []Backend{
			{Host: "127.0.0.1", Port: pg.Port, Weight: 1, Flag: primaryFlag},
			{Host: "localhost", Port: pg.Port, Weight: 0, Flag: standbyFlag},
		},
	}
	change(&in)
	rendered, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	passwords, err := credentialFiles(administrator, backend.User{Name: "postgres", Password: pg.Password}, users)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := strings.NewReplacer(SocketDir, r.dir, naming.PgpoolTLSDir, r.dir,
		"port = 9999", fmt.Sprint("port = ", r.port), "pcp_port = 9595", fmt.Sprint("pcp_port = ", r.pcp))
	testserver.Write(t, filepath.Join(r.dir, ConfFile), elsewhere.Replace(rendered.Files[ConfFile]))
	testserver.Write(t, filepath.Join(r.dir, HBAFile), rendered.Files[HBAFile])
	for name, content := range passwords {
		testserver.Write(t, filepath.Join(r.dir, name), string(content))
	}
	return r
}

// serve starts Pgpool.
func (r running) serve(t *testing.T) {
	t.Helper()
	server := testserver.Start(t, r.port, r.dir, "pgpool", "-n", "-D", "-f", ConfFile, "-a", HBAFile, "-F", PCPFile)
	server.Await(t, net.JoinHostPort("127.0.0.1", fmt.Sprint(r.pcp))) // it comes after the port of the clients
}

// roles are made with names and passwords as odd as PostgreSQL takes them.
func roles(t *testing.T, pg *testserver.Postgres) map[string]string {
	t.Helper()
	users := map[string]string{
		"plain": "Passw0rd", "colon": "a:b:c", "blank": " a b ", "quote": `q"u'o\te`, "unicode": "ünï€", "return": "a\rb", "tab": "a\tb",
		"escapes": `\\:\n\`, "prefix": "TEXTx", "aes": "AESx", "md5": "md50123456789abcdef0123456789abcdef0", "hash": "#x",
		`Na"me`: "x", "two words": "y", "co:lon": "z", `back\slash`: "z", "#comment": "z",
		"longest": strings.Repeat("x", maxPassword), "escaped": strings.Repeat(":", maxPassword), strings.Repeat("n", 63): "longest name",
	}
	for name, password := range users {
		pg.Exec(t, fmt.Sprintf(`CREATE ROLE "%s" LOGIN PASSWORD '%s'`, strings.ReplaceAll(name, `"`, `""`), strings.ReplaceAll(password, "'", "''")))
	}
	return users
}

func TestEveryUserLogsInWithHisPassword(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	users := roles(t, pg)
	users["postgres"] = pg.Password
	pg.Exec(t, "CREATE ROLE toolong LOGIN PASSWORD '"+strings.Repeat("x", maxPassword+1)+"'", "CREATE ROLE unlisted LOGIN PASSWORD 'x'")
	for _, mode := range []sharedv1.ClientAuthMode{sharedv1.ClientAuthModeMD5, sharedv1.ClientAuthModeScram} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			listed := map[string]string{"toolong": strings.Repeat("x", maxPassword+1), "feed": "a\nb"} // left out
			for name, password := range users {
				listed[name] = password
			}
			r := start(t, pg, mode, listed)
			for name, password := range users {
				if who, err := r.ask(t, name, password); err != nil || who != name {
					t.Errorf("%q logs in as %q: %v", name, who, err)
				}
			}
			for name, password := range map[string]string{"plain": "wrong", "unlisted": "x", "stranger": "x", "postgres": ""} {
				if who, err := r.ask(t, name, password); err == nil {
					t.Errorf("%q logs in with the password %q, as %q", name, password, who)
				}
			}
		})
	}
}

func (r running) ask(t *testing.T, user, password string) (string, error) {
	t.Helper()
	return testserver.Client{Port: r.port, User: user, Password: password}.Ask(t.Context(), "postgres", "SELECT current_user::text")
}

func TestTheAdministratorReachesPCPAndSeesBothBackends(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	r := start(t, pg, sharedv1.ClientAuthModeMD5, map[string]string{"postgres": pg.Password})
	if answer, err := r.askPCP(t.Context(), administrator.Password); err != nil || answer != "2" {
		t.Errorf("PCP counts %q backends: %v", answer, err)
	}
	if answer, err := r.askPCP(t.Context(), "wrong"); err == nil {
		t.Errorf("PCP answers %q to a wrong password", answer)
	}
}

func (r running) askPCP(ctx context.Context, password string) (string, error) {
	passfile := filepath.Join(r.dir, "pcppass")
	line := fmt.Sprintf("*:*:%s:%s\n", administrator.Name, escape(password))
	if err := os.WriteFile(passfile, []byte(line), 0o600); err != nil {
		return "", err
	}
	path, err := testserver.Find("pcp_node_count")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, "-h", "127.0.0.1", "-p", fmt.Sprint(r.pcp), "-U", administrator.Name, "-w")
	cmd.Env = append(os.Environ(), "PCPPASSFILE="+passfile)
	output, err := cmd.Output()
	return strings.TrimSpace(string(output)), err
}

func TestTheRunningServerSaysWhatTheFileSays(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	r := start(t, pg, sharedv1.ClientAuthModeMD5, map[string]string{"postgres": pg.Password})
	me := testserver.Client{Port: r.port, User: "postgres", Password: pg.Password}
	for name, want := range map[string]string{
		"num_init_children": "5", "max_pool": "15", "load_balance_mode": "on",
		"backend_flag1": "DISALLOW_TO_FAILOVER", "backend_weight1": "0", "enable_pool_hba": "on",
	} {
		if got, err := me.Ask(t.Context(), "postgres", "PGPOOL SHOW "+name); err != nil || got != want {
			t.Errorf("%s is %q, want %q: %v", name, got, want, err)
		}
	}
}
