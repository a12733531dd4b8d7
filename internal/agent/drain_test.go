package agent_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/matriarchdb/matriarch/internal/agent"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// eachPoolerWithBackend runs a test for each kind of pooler, PgBouncer in two of its pool modes, in front of a real
// PostgreSQL.
func eachPoolerWithBackend(t *testing.T, test func(t *testing.T, p *poolerPod, backend *cluster)) {
	for _, kind := range poolerKinds {
		modes := map[string]map[string]string{kind.kind: {}}
		if kind.kind == agent.KindPgBouncer {
			modes = map[string]map[string]string{
				"PgBouncer, session": {"pool_mode": "session"}, "PgBouncer, transaction": {"pool_mode": "transaction"},
			}
		}
		for name, settings := range modes {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := newPooler(t, kind)
				backend := newCluster(t, 1).started()
				settings[backendPort] = backend.members[0].port
				p.servingWith(settings, backend.password)
				test(t, p, backend)
			})
		}
	}
}

// session logs in through the pooler.
func (p *poolerPod) session(ctx context.Context, password string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(fmt.Sprintf("postgresql://admin:%s@127.0.0.1:%s/postgres?connect_timeout=10", password, p.port))
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return pgx.ConnectConfig(ctx, config)
}

func TestLoginsThroughAPoolerFollowThePassword(t *testing.T) {
	t.Parallel()
	eachPoolerWithBackend(t, func(t *testing.T, p *poolerPod, backend *cluster) {
		login := func(ctx context.Context) error {
			conn, err := p.session(ctx, backend.password)
			if err != nil {
				return err
			}
			defer conn.Close(context.Background())
			return conn.Ping(ctx)
		}
		testenv.Eventually(t, login)
		before := p.serverPID()
		backend.setPassword("second")
		p.setPassword("second")
		testenv.Eventually(t, login)
		if p.serverPID() != before {
			t.Error("the pooler was restarted")
		}
	})
}

func TestADrainingPoolerLetsRunningTransactionsFinish(t *testing.T) {
	t.Parallel()
	eachPoolerWithBackend(t, func(t *testing.T, p *poolerPod, backend *cluster) {
		ctx := t.Context()
		idle, err := p.session(ctx, backend.password)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close(context.Background())
		if _, err := idle.Exec(ctx, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		busy, err := p.session(ctx, backend.password)
		if err != nil {
			t.Fatal(err)
		}
		defer busy.Close(context.Background())
		backend.members[0].exec("CREATE TABLE written (n bigint)")
		finished := make(chan error, 1)
		go func() {
			var err error
			for _, query := range []string{"BEGIN", "INSERT INTO written VALUES (1)", "SELECT pg_sleep(6)", "COMMIT"} {
				if err == nil {
					_, err = busy.Exec(ctx, query)
				}
			}
			finished <- err
		}()
		backend.members[0].answers("SELECT count(*)::text FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(6)'", "1")

		p.terminate()
		p.isReady(false)
		// Those who have not heard of it yet are still served: not refused, at least.
		p.accepts()
		if err := <-finished; err != nil {
			t.Errorf("a transaction that was open when the pod ended failed: %v", err)
		}
		backend.members[0].answers("SELECT count(*)::text FROM written", "1")
		busy.Close(ctx)
		if code := p.exited(); code != 0 {
			t.Errorf("the agent ends with code %d", code)
		}
		// The idle session was cut. So may be the busy one, if it did not leave at once when its query was finished.
		p.reports("says how many sessions were cut", func(r report.Report) bool {
			return r.SessionsCut != nil && (*r.SessionsCut == 1 || *r.SessionsCut == 2)
		})
		if strings.Contains(p.said(), "killed") {
			t.Error("the server was killed although nothing held it")
		}
	})
}

func TestADrainingPoolerEndsAClientThatKeepsWritingBetweenTwoTransactions(t *testing.T) {
	t.Parallel()
	eachPoolerWithBackend(t, func(t *testing.T, p *poolerPod, backend *cluster) {
		ctx := t.Context()
		primary := backend.members[0]
		primary.exec("CREATE TABLE written (n bigint)")
		writer, err := p.session(ctx, backend.password)
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close(context.Background())
		acknowledged := make(chan int, 1)
		go func() {
			n := 0
			for ; ; n++ {
				if _, err := writer.Exec(ctx, fmt.Sprintf("INSERT INTO written VALUES (%d)", n)); err != nil {
					break
				}
			}
			acknowledged <- n
		}()
		primary.answers("SELECT (count(*) > 10)::text FROM written", "true")
		p.terminate()
		n := <-acknowledged
		p.exited()
		// Nothing was carried out without an answer, nothing was answered without being carried out.
		primary.answers("SELECT count(*)::text FROM written", strconv.Itoa(n))
		p.reports("says that one session was cut", func(r report.Report) bool { return r.SessionsCut != nil && *r.SessionsCut == 1 })
		if strings.Contains(p.said(), "killed") {
			t.Error("the server was killed although nothing held it")
		}
	})
}

func TestADrainEndsWithinTheGracePeriod(t *testing.T) {
	t.Parallel()
	eachPoolerWithBackend(t, func(t *testing.T, p *poolerPod, backend *cluster) {
		ctx := t.Context()
		busy, err := p.session(ctx, backend.password)
		if err != nil {
			t.Fatal(err)
		}
		defer busy.Close(context.Background())
		failed := make(chan error, 1)
		go func() {
			_, err := busy.Exec(ctx, "SELECT pg_sleep(600)")
			failed <- err
		}()
		backend.members[0].answers("SELECT count(*)::text FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'", "1")
		began := time.Now()
		p.terminate()
		p.exited() // of itself: nobody sends SIGKILL here
		if err := <-failed; err == nil {
			t.Error("the query did not end with the pooler")
		}
		p.reports("says that the session was cut", func(r report.Report) bool { return r.SessionsCut != nil && *r.SessionsCut == 1 })
		if took, grace := time.Since(began), 30*time.Second; took > grace {
			t.Errorf("the drain took %s, more than the grace period of %s", took, grace)
		}
	})
}

func TestAnAgentOutlivesTheAPIServersAbsence(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		api := p.behindProxy()
		p.serving()
		api.cut()
		hash := p.configure(p.kind.reloadable)
		p.accepts()
		// A container that restarts meanwhile starts with what was in force.
		p.kill()
		p.start()
		p.isReady(true)
		p.accepts()
		api.heal()
		p.reports("takes the change that was made meanwhile", func(r report.Report) bool { return r.Accepted(hash) })
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, 2)
		apis := []*proxy{c.members[0].behindProxy(), c.members[1].behindProxy()}
		c.started()
		for _, api := range apis {
			api.cut()
		}
		c.members[0].exec("CREATE TABLE t AS SELECT 1 AS a")
		c.members[1].answers("SELECT count(*)::text FROM t", "1")
		hash := c.members[0].configure(map[string]string{"work_mem": "5MB"})
		for _, p := range c.members {
			p.kill()
			p.start()
			p.isReady(true)
		}
		c.members[0].exec("INSERT INTO t VALUES (2)")
		c.members[1].answers("SELECT count(*)::text FROM t", "2")
		for _, api := range apis {
			api.heal()
		}
		c.members[0].reports("takes the change that was made meanwhile", func(r report.Report) bool { return r.Accepted(hash) })
		c.members[0].role("primary")
	})
}
