package pg

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// sqlTimeout bounds a short question.
const sqlTimeout = 5 * time.Second

// Address returns the Unix socket's folder and the port.
func (s *Server) Address() (dir, port string) {
	dir, port = s.private, "5432"
	if value, found := s.settings.Get("port"); found {
		port = value
	}
	if dir != "" {
		return dir, port
	}
	dir = "/tmp"
	if value, found := s.settings.Get("unix_socket_directories"); found {
		first, _, _ := strings.Cut(value, ",")
		dir = strings.TrimSpace(first)
	}
	return dir, port
}

// Connect opens a session as the administrator over the Unix socket. What the agent itself commits, such as a password,
// does not wait for synchronous standbys: at the beginning there are none yet.
func (s *Server) Connect(ctx context.Context, database string) (*pgconn.PgConn, error) {
	dir, port := s.Address()
	query := url.Values{"host": {dir}, "port": {port}, "user": {s.user}, "sslmode": {"disable"}, "application_name": {"matriarch-agent"},
		"synchronous_commit": {"local"}}
	conn, err := pgconn.Connect(ctx, "postgresql:///"+database+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("connect to the own server: %w", err)
	}
	return conn, nil
}

// Ask connects, runs one statement with parameters as text, and returns the rows.
func (s *Server) Ask(ctx context.Context, statement string, parameters ...string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	conn, err := s.Connect(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	return ask(ctx, conn, statement, parameters...)
}

func ask(ctx context.Context, conn *pgconn.PgConn, statement string, parameters ...string) ([][]string, error) {
	values := make([][]byte, len(parameters))
	for i, parameter := range parameters {
		values[i] = []byte(parameter)
	}
	result := conn.ExecParams(ctx, statement, values, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("%s: %w", firstWords(statement), result.Err)
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		for _, value := range row {
			rows[i] = append(rows[i], string(value))
		}
	}
	return rows, nil
}

// askOne is Ask for exactly one value.
func (s *Server) askOne(ctx context.Context, statement string, parameters ...string) (string, error) {
	rows, err := s.Ask(ctx, statement, parameters...)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", errors.New(firstWords(statement) + ": not one value")
	}
	return rows[0][0], nil
}

// Checkpoint writes a checkpoint while the server serves, so that the shutdown that follows has little to write.
func (s *Server) Checkpoint(ctx context.Context) error {
	conn, err := s.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = ask(ctx, conn, "CHECKPOINT")
	return err
}

// AcceptsSQL returns nil when a session can be opened and used.
func (s *Server) AcceptsSQL(ctx context.Context) error {
	_, err := s.Ask(ctx, "SELECT 1")
	return err
}

// firstWords identifies a statement in an error without what may be confidential in it.
func firstWords(statement string) string {
	words := strings.Fields(statement)
	return strings.Join(words[:min(len(words), 3)], " ")
}
