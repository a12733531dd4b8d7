// Package probe asks a server what a client would: log in, read, and write.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/matriarchdb/matriarch/internal/database"
	certs "github.com/matriarchdb/matriarch/internal/tls"
)

// Target is where to ask, as whom, and how much.
type Target struct {
	Host     string
	Port     int32
	User     string
	Password string
	Database string
	// SSLMode as libpq knows it; empty means disable.
	SSLMode string
	// CA are PEM certificates to check the server's with; without them those of the system are used.
	CA []byte
	// Client is shown to a server that asks for a certificate; empty for none.
	Client certs.Pair
	// Timeout bounds the whole probe.
	Timeout time.Duration
	// Table that the write check writes to; empty means no write check.
	Table string
}

// undefinedTable is the SQLSTATE of a missing table (PostgreSQL manual, appendix A).
const undefinedTable = "42P01"

// Check logs in, reads, and writes one row if there is a table to write to. It speaks the simple protocol, which every
// pooler passes on in every pool mode.
func Check(ctx context.Context, t Target) database.Health {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	conn, err := Connect(ctx, t)
	if err != nil {
		return database.Health{Message: err.Error()}
	}
	defer Close(conn)
	if _, err := conn.Exec(ctx, "SELECT 1"); err != nil {
		return database.Health{Message: fmt.Sprintf("read from %s: %v", t, err)}
	}
	if t.Table == "" {
		return database.Health{Accepting: true, Writable: true}
	}
	if err := write(ctx, conn, t.Table); err != nil {
		return database.Health{Accepting: true, Message: fmt.Sprintf("write to %s: %v", t, err)}
	}
	return database.Health{Accepting: true, Writable: true}
}

// Connect opens one connection. Of the time that ctx leaves, the attempts to reach the server at all get a small part.
func Connect(ctx context.Context, t Target) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(t.url())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t, err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.DialFunc = dialerWithin(ctx).connect
	if err := trust(config, t); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t, err)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t, err)
	}
	return conn, nil
}

// trust lets the server's certificate be checked with the target's authorities, and shows it the client's.
func trust(config *pgx.ConnConfig, t Target) error {
	var own []tls.Certificate
	if len(t.Client.Cert) > 0 {
		pair, err := tls.X509KeyPair(t.Client.Cert, t.Client.Key)
		if err != nil {
			return fmt.Errorf("use the client certificate: %w", err)
		}
		own = append(own, pair)
	}
	pool, err := poolOf(t.CA)
	if err != nil {
		return err
	}
	configs := []*tls.Config{config.TLSConfig}
	for _, fallback := range config.Fallbacks {
		configs = append(configs, fallback.TLSConfig)
	}
	for _, one := range configs {
		if one != nil {
			one.RootCAs, one.Certificates = pool, own
		}
	}
	return nil
}

// poolOf returns nil, which stands for the authorities of the system, if none are given.
func poolOf(ca []byte) (*x509.CertPool, error) {
	if len(ca) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("the CA bundle holds no PEM certificate")
	}
	return pool, nil
}

// closeWithin bounds the farewell to a server that no longer listens.
const closeWithin = time.Second

// Close closes a connection, whatever has become of the context that it was used with.
func Close(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	_ = conn.Close(ctx)
}

// String names the target in messages, without the password.
func (t Target) String() string {
	return fmt.Sprintf("%s:%d as %s", t.Host, t.Port, t.User)
}

func (t Target) url() string {
	mode := t.SSLMode
	if mode == "" {
		mode = "disable"
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(t.User, t.Password),
		Host:     net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))),
		Path:     "/" + t.Database,
		RawQuery: url.Values{"sslmode": {mode}, "application_name": {"matriarch"}}.Encode(),
	}
	return u.String()
}

// write changes one row, and makes the table the first time.
func write(ctx context.Context, conn *pgx.Conn, table string) error {
	name := pgx.Identifier{table}.Sanitize()
	touch := "INSERT INTO " + name + " (id, checked_at) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET checked_at = now()"
	_, err := conn.Exec(ctx, touch)
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != undefinedTable {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+name+" (id int PRIMARY KEY, checked_at timestamptz NOT NULL)"); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, touch)
	return err
}
