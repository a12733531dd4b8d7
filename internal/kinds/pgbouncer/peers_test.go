package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

// TestACancelThatReachesAnotherPeerEndsTheQuery runs two PgBouncers side by side, each with what its agent adds. Where
// the one that is installed is older than 1.19, all there is to see is that it gets no peers.
func TestACancelThatReachesAnotherPeerEndsTheQuery(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	testserver.Need(t, "pgbouncer")
	hosts, port := []string{"127.0.0.1", "127.0.0.2"}, testserver.Port(t)
	users := everyoneOf(t, pg, userSecrets{"postgres": pg.Password})
	rendered, err := Render(ConfigInput{
		Version: testserver.Version(t, "pgbouncer"), Port: port, AdminUser: console.Name, Pool: poolSettings(nil), Peers: hosts,
		Upstream: Upstream{Host: "127.0.0.1", Port: pg.Port, Database: "postgres", SSLMode: "disable"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(rendered.Files[ConfFile], "[peers]") {
		if version := testserver.Version(t, "pgbouncer"); !strings.HasPrefix(version, "1.1") {
			t.Errorf("PgBouncer %s gets no peers", version)
		}
		return
	}
	for ordinal, host := range hosts {
		dir := testserver.Dir(t)
		text := strings.NewReplacer(UserDir, dir, SocketDir, dir, "/tmp/pgbouncer.pid", dir+"/pid", "listen_addr = *", "listen_addr = "+host,
			"[pgbouncer]", fmt.Sprintf("[pgbouncer]\npeer_id = %d", naming.PeerID(ordinal))).Replace(rendered.Files[ConfFile])
		testserver.Write(t, filepath.Join(dir, ConfFile), text)
		testserver.Write(t, filepath.Join(dir, UserlistFile), userlist(users))
		testserver.Launch(t, dir, "pgbouncer", filepath.Join(dir, ConfFile)).Await(t, at(host, port))
	}
	cancelled(t, pg, hosts, port)
}

func at(host string, port int32) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }

// cancelled runs a long query at the first host and sends the request to cancel it to the second.
func cancelled(t *testing.T, pg *testserver.Postgres, hosts []string, port int32) {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), 30*time.Second)
	defer end()
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=postgres password=%s dbname=postgres sslmode=disable", hosts[0], port, pg.Password))
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	to := hosts[0]
	config.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, at(to, port))
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	to = hosts[1]
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
		ended <- err
	}()
	observer := pg.As("postgres", pg.Password)
	for {
		running, err := observer.Ask(ctx, "postgres", "SELECT count(*)::text FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'")
		if err != nil {
			t.Fatal(err)
		}
		if running == "1" {
			break
		}
	}
	if err := conn.PgConn().CancelRequest(ctx); err != nil {
		t.Fatal(err)
	}
	said := &pgconn.PgError{}
	if err := <-ended; !errors.As(err, &said) || said.Code != "57014" {
		t.Errorf("the query ended with %v, want that it was cancelled", err)
	}
}
