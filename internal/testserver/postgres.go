package testserver

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a running PostgreSQL cluster with the superuser postgres.
type Postgres struct {
	*Process
	Port     int32
	Password string
}

// superuserPassword is that of every cluster; it listens on loopback only, as long as the test lasts.
const superuserPassword = "Superuser-1"

// StartPostgres makes a cluster that asks everyone for a SCRAM password, and starts it.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	p := &Postgres{Port: Port(t), Password: superuserPassword}
	dir := Dir(t)
	password := Write(t, filepath.Join(dir, "password"), superuserPassword)
	data := DataFolder(t, dir, "--pwfile", password, "-A", "scram-sha-256")
	p.Process = Start(t, p.Port, dir, "postgres", "-D", data, "-p", fmt.Sprint(p.Port), "-k", dir, "-h", "127.0.0.1",
		"-c", "fsync=off", "-c", "max_connections=50")
	_ = Connect(t, fmt.Sprintf("host=127.0.0.1 port=%d user=postgres password=%s dbname=postgres sslmode=disable", p.Port, p.Password)).Close(t.Context())
	return p
}

// PostgresAt starts a cluster that trusts everyone on the Unix socket in the folder, port 5432, with more arguments as
// given, and returns a connection of the superuser.
func PostgresAt(t testing.TB, dir string, args ...string) *pgx.Conn {
	t.Helper()
	data := DataFolder(t, dir, "-A", "trust")
	Launch(t, dir, "postgres", append([]string{"-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "port=5432", "-F"}, args...)...)
	return Connect(t, "host="+dir+" port=5432 user=postgres dbname=postgres")
}

// DataFolder makes a fresh PostgreSQL data folder, with more arguments of initdb as given.
func DataFolder(t testing.TB, dir string, args ...string) string {
	t.Helper()
	data := filepath.Join(dir, "data")
	cmd := Command(t, dir, "initdb", append([]string{"-D", data, "-U", "postgres", "--no-sync", "--no-locale", "-E", "UTF8"}, args...)...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, output)
	}
	return data
}

// Connect waits until a server lets the client in: one that recovers listens before it does so. The connection is closed
// at the end of the test.
func Connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	for {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
			return conn
		}
		select {
		case <-ctx.Done():
			t.Fatalf("connect to %s: %v", config.Host, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Exec runs statements as the superuser.
func (p *Postgres) Exec(t testing.TB, statements ...string) {
	t.Helper()
	conn, err := p.As("postgres", p.Password).connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// ServeTLS lets the cluster offer TLS with the certificate, and trust clients whose certificate the authorities signed.
func (p *Postgres) ServeTLS(t testing.TB, certificate, key, authorities []byte) {
	t.Helper()
	data, err := p.As("postgres", p.Password).Ask(t.Context(), "postgres", "SHOW data_directory")
	if err != nil {
		t.Fatal(err)
	}
	Write(t, filepath.Join(data, "server.crt"), string(certificate))
	Write(t, filepath.Join(data, "server.key"), string(key))
	Write(t, filepath.Join(data, "root.crt"), string(authorities))
	p.Exec(t, "ALTER SYSTEM SET ssl_ca_file = 'root.crt'", "ALTER SYSTEM SET ssl = on")
	p.reload(t, "on")
}

// ServeNoTLS lets the cluster refuse TLS.
func (p *Postgres) ServeNoTLS(t testing.TB) {
	t.Helper()
	p.Exec(t, "ALTER SYSTEM SET ssl = off")
	p.reload(t, "off")
}

// reload waits until new sessions find the value of ssl, and with it all that was written before.
func (p *Postgres) reload(t testing.TB, ssl string) {
	t.Helper()
	loaded := p.ask(t, "SELECT pg_conf_load_time()::text")
	p.Exec(t, "SELECT pg_reload_conf()")
	deadline := time.Now().Add(30 * time.Second)
	for p.ask(t, "SELECT pg_conf_load_time()::text") == loaded || p.ask(t, "SHOW ssl") != ssl {
		if time.Now().After(deadline) {
			t.Fatalf("PostgreSQL does not take ssl = %s:\n%s", ssl, p.Log())
		}
	}
}

func (p *Postgres) ask(t testing.TB, query string) string {
	t.Helper()
	answer, err := p.As("postgres", p.Password).Ask(t.Context(), "postgres", query)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// As is a client of the cluster.
func (p *Postgres) As(user, password string) Client {
	return Client{Port: p.Port, User: user, Password: password}
}

// Client is who logs in to a server on loopback, or to a pooler in front of one.
type Client struct {
	Port     int32
	User     string
	Password string
	// TLS, when set, is demanded of the server.
	TLS *tls.Config
}

// Ask logs in to the database and returns the one value that the query yields.
func (c Client) Ask(ctx context.Context, database, query string) (string, error) {
	conn, err := c.connect(ctx, database)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var answer string
	err = conn.QueryRow(ctx, query, pgx.QueryExecModeSimpleProtocol).Scan(&answer)
	return answer, err
}

func (c Client) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("host=127.0.0.1 sslmode=disable connect_timeout=10")
	if err != nil {
		return nil, err
	}
	config.Port, config.Database, config.User, config.Password = uint16(c.Port), database, c.User, c.Password
	config.TLSConfig = c.TLS
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return pgx.ConnectConfig(ctx, config)
}
