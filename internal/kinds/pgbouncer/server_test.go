package pgbouncer

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// console is the administrator in these tests.
var console = backend.User{Name: "pgbouncer", Password: `c0nsole "pass" wörd\`}

// start runs a real PgBouncer over rendered files, in front of the Postgres. What its user asks for would keep it from
// starting, or its agent from reaching it, if it had an effect.
func start(t *testing.T, pg *testserver.Postgres, authType kubedbv1.PgBouncerAuthType, users userSecrets) int32 {
	t.Helper()
	testserver.Need(t, "pgbouncer")
	port, dir := testserver.Port(t), testserver.Dir(t)
	rendered, err := Render(ConfigInput{
		Version: testserver.Version(t, "pgbouncer"), Port: port, AdminUser: console.Name,
		Upstream: Upstream{Host: "127.0.0.1", Port: pg.Port, Database: "postgres", SSLMode: "disable"},
		Pool:     poolSettings(&kubedbv1.ConnectionPool{AuthType: authType}),
		Custom:   custom.Text{Inline: "[pgbouncer]\nlogfile = /nonexistent/log\nuser = nobody\nsyslog = 1\nunix_socket_mode = 0000\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(UserDir, dir, SocketDir, dir, "/tmp/pgbouncer.pid", dir+"/pid").Replace(rendered.Files[ConfFile])
	testserver.Write(t, filepath.Join(dir, ConfFile), text)
	testserver.Write(t, filepath.Join(dir, UserlistFile), userlist(users))
	testserver.Start(t, port, dir, "pgbouncer", filepath.Join(dir, ConfFile))
	return port
}

// everyoneOf is the userlist of a PgBouncer with these users.
func everyoneOf(t *testing.T, pg *testserver.Postgres, secrets userSecrets) userSecrets {
	t.Helper()
	g := sample()
	g.Server.Admin.Password = pg.Password
	g.Live.Auth.Data = map[string][]byte{"username": []byte(console.Name), "password": []byte(console.Password)}
	g.secrets = secrets
	all, err := g.everyone()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// roles are made with names and passwords as odd as PostgreSQL takes them.
func roles(t *testing.T, pg *testserver.Postgres, encryption string) map[string]string {
	t.Helper()
	users := map[string]string{
		"plain": "Passw0rd", "colon": "a:b:c", "blank": " a b ", "quote": `q"u'o\te`, "unicode": "ünï€",
		`Na"me`: "x", "two words": "y", "long": strings.Repeat("x", 150), strings.Repeat("n", 63): "longest name",
	}
	for name, password := range users {
		pg.Exec(t, "SET password_encryption = '"+encryption+"'", fmt.Sprintf(`CREATE ROLE "%s" LOGIN PASSWORD '%s'`,
			strings.ReplaceAll(name, `"`, `""`), strings.ReplaceAll(password, "'", "''")))
	}
	users["postgres"] = pg.Password
	return users
}

func server(pg *testserver.Postgres) backend.Server {
	return backend.Server{Host: "127.0.0.1", Port: pg.Port, SSLMode: "disable", Admin: backend.User{Name: "postgres", Password: pg.Password}}
}

func TestEveryUserLogsInWithWhatPostgreSQLStoresOfHisPassword(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	users := roles(t, pg, "scram-sha-256")
	secrets, err := secretsOf(t.Context(), server(pg), users)
	if err != nil {
		t.Fatal(err)
	}
	for name := range users {
		if !strings.HasPrefix(secrets[name], "SCRAM-SHA-256$") {
			t.Errorf("the secret of %q is %.20q, want PostgreSQL's verifier", name, secrets[name])
		}
	}
	for _, authType := range []kubedbv1.PgBouncerAuthType{"", kubedbv1.PgBouncerAuthTypeMD5, kubedbv1.PgBouncerAuthTypeScram} {
		t.Run("auth_type "+string(authType), func(t *testing.T) {
			t.Parallel()
			port := start(t, pg, authType, everyoneOf(t, pg, secrets))
			for name, password := range users {
				logsIn(t, testserver.Client{Port: port, User: name, Password: password})
			}
			isRefused(t, testserver.Client{Port: port, User: "plain", Password: "wrong"})
			isRefused(t, testserver.Client{Port: port, User: "stranger", Password: "x"})
		})
	}
}

func TestUsersWithMD5HashesLogInToo(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	users := map[string]string{"old": "Passw0rd"}
	pg.Exec(t, "SET password_encryption = 'md5'", "CREATE ROLE old LOGIN PASSWORD 'Passw0rd'",
		"ALTER SYSTEM SET password_encryption = 'md5'")
	hba := fmt.Sprintf("COPY (SELECT 'host all all 127.0.0.1/32 md5') TO '%s'", hbaFile(t, pg))
	pg.Exec(t, hba, "SELECT pg_reload_conf()")
	secrets, err := secretsOf(t.Context(), server(pg), users)
	if err != nil {
		t.Fatal(err)
	}
	logsIn(t, testserver.Client{Port: start(t, pg, "", everyoneOf(t, pg, secrets)), User: "old", Password: "Passw0rd"})
}

func hbaFile(t *testing.T, pg *testserver.Postgres) string {
	t.Helper()
	path, err := pg.As("postgres", pg.Password).Ask(t.Context(), "postgres", "SHOW hba_file")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsersLogInWithTheirPasswordsWhereTheVerifiersMayNotBeRead(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	users := roles(t, pg, "scram-sha-256")
	limited := server(pg)
	limited.Admin = backend.User{Name: "plain", Password: users["plain"]}
	secrets, err := secretsOf(t.Context(), limited, users)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(secrets, users) {
		t.Errorf("got %v, want the passwords themselves", secrets)
	}
	// PgBouncer would read no further than these two.
	withLong := maps.Clone(secrets)
	withLong["a"+strings.Repeat("n", 200)], withLong["b"] = "x", strings.Repeat("x", 3000)
	for _, authType := range []kubedbv1.PgBouncerAuthType{kubedbv1.PgBouncerAuthTypeMD5, kubedbv1.PgBouncerAuthTypeScram} {
		port := start(t, pg, authType, everyoneOf(t, pg, withLong))
		for name, password := range users {
			logsIn(t, testserver.Client{Port: port, User: name, Password: password})
		}
	}
}

func TestOnlyTheAdministratorReachesTheConsole(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	pg.Exec(t, "CREATE ROLE pgbouncer LOGIN PASSWORD 'takeover'", "CREATE ROLE plain LOGIN PASSWORD 'x'")
	secrets, err := secretsOf(t.Context(), server(pg), map[string]string{"pgbouncer": "takeover", "plain": "x"})
	if err != nil {
		t.Fatal(err)
	}
	port := start(t, pg, kubedbv1.PgBouncerAuthTypeScram, everyoneOf(t, pg, secrets))
	admin := testserver.Client{Port: port, User: console.Name, Password: console.Password}
	if _, err := admin.Ask(t.Context(), adminConsole, "SHOW VERSION"); err != nil {
		t.Errorf("the administrator is refused: %v", err)
	}
	for name, password := range map[string]string{"pgbouncer": "takeover", "plain": "x"} {
		other := testserver.Client{Port: port, User: name, Password: password}
		if _, err := other.Ask(t.Context(), adminConsole, "SHOW VERSION"); err == nil {
			t.Errorf("%q reaches the console with the password of PostgreSQL's role", name)
		}
	}
}

func logsIn(t *testing.T, c testserver.Client) {
	t.Helper()
	if who, err := c.Ask(t.Context(), "postgres", "SELECT current_user::text"); err != nil || who != c.User {
		t.Errorf("%q logs in as %q: %v", c.User, who, err)
	}
}

func isRefused(t *testing.T, c testserver.Client) {
	t.Helper()
	if who, err := c.Ask(t.Context(), "postgres", "SELECT current_user::text"); err == nil {
		t.Errorf("%q logs in with the password %q, as %q", c.User, c.Password, who)
	}
}
