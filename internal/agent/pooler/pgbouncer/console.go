package pgbouncer

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
)

const (
	defaultPort   = "6432"
	defaultSocket = "/tmp"
	// startTimeout bounds the wait for a pgbouncer to listen; a bad value ends it within milliseconds.
	startTimeout = 30 * time.Second
	callTimeout  = 5 * time.Second
	pollEvery    = 20 * time.Millisecond
)

// console is the address of an admin console.
type console struct{ dir, port string }

func consoleOf(file *ini.File) console {
	return console{dir: setting(file, "unix_socket_dir", defaultSocket), port: setting(file, "listen_port", defaultPort)}
}

func (c console) connect(ctx context.Context) (*pgconn.PgConn, error) {
	query := url.Values{"host": {c.dir}, "port": {c.port}, "user": {"pgbouncer"}, "sslmode": {"disable"}}
	conn, err := pgconn.Connect(ctx, "postgresql:///pgbouncer?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("connect to PgBouncer's console: %w", err)
	}
	return conn, nil
}

// ask sends one command and returns its rows by column name.
func ask(ctx context.Context, conn *pgconn.PgConn, command string) ([]map[string]string, error) {
	results, err := conn.Exec(ctx, command).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s on PgBouncer's console: %w", command, err)
	}
	var rows []map[string]string
	for _, result := range results {
		for _, values := range result.Rows {
			row := map[string]string{}
			for i, field := range result.FieldDescriptions {
				row[field.Name] = string(values[i])
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// once connects, asks and disconnects.
func (c console) once(ctx context.Context, commands ...string) (rows []map[string]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	for _, command := range commands {
		if rows, err = ask(ctx, conn, command); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// config returns the values in force.
func (c console) config(ctx context.Context, before ...string) (map[string]string, error) {
	rows, err := c.once(ctx, append(before, "SHOW CONFIG")...)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, row := range rows {
		values[row["key"]] = row["value"]
	}
	return values, nil
}

// awaitConsole waits until the process answers on its console.
func awaitConsole(ctx context.Context, process *supervise.Process, at console) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		_, err := at.once(ctx, "SHOW VERSION")
		if err == nil {
			return nil
		}
		select {
		case <-process.Done():
			return &apply.Refusal{Words: apply.Complaints(process.Tail.Lines())}
		case <-ctx.Done():
			process.KillGroup()
			<-process.Done()
			return &apply.Refusal{Words: fmt.Sprintf("pgbouncer does not answer on its console: %v: %s", err, process.Tail)}
		case <-time.After(pollEvery):
		}
	}
}

// awaitNone asks until no row of the answer is one of those, or the process has ended.
func (s *Server) awaitNone(ctx context.Context, conn *pgconn.PgConn, command string, those func(row map[string]string) bool) error {
	for {
		rows, err := ask(ctx, conn, command)
		if err != nil || !slices.ContainsFunc(rows, those) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.process.Done():
			return nil
		case <-time.After(pollEvery):
		}
	}
}
