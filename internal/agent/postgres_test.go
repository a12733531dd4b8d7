package agent_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/agent"
	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// cluster is a Postgres of some members on loopback. All members have the same configuration Secret in a real cluster,
// where each has an address of its own; here each has its own, for port and socket.
type cluster struct {
	*world
	members  []*dbPod
	password string
}

type dbPod struct {
	*pod
	c      *cluster
	port   string
	config string
}

func newCluster(t *testing.T, size int, env ...string) *cluster {
	t.Helper()
	c := emptyCluster(t, size)
	for i := range size {
		c.add(fmt.Sprintf("db-%d", i), env...)
	}
	return c
}

// emptyCluster is what the members stand on, for so many of them and for further pods.
func emptyCluster(t *testing.T, size int, pods ...string) *cluster {
	t.Helper()
	need(t, "postgres", "initdb", "pg_basebackup")
	c := &cluster{world: newWorld(t), password: "first"}
	secrets := []string{"auth", "source", "tls"}
	for i := range size {
		pods = append(pods, fmt.Sprintf("db-%d", i))
	}
	for i := range pods {
		secrets = append(secrets, fmt.Sprintf("config-%d", i))
	}
	c.allow(secrets, pods, []string{"leader"})
	c.setPassword("first")
	c.create(&coordinationv1.Lease{ObjectMeta: c.meta("leader")})
	return c
}

// add makes the pod of a member; the first one is the primary.
func (c *cluster) add(name string, env ...string) {
	c.t.Helper()
	p := &dbPod{c: c, port: freePort(c.t), config: fmt.Sprintf("config-%d", len(c.members))}
	c.members = append(c.members, p)
	p.pod = c.newPod(name, agent.KindPostgres, append([]string{naming.EnvConfigSecret + "=" + p.config,
		naming.EnvGoverningService + "=unused", naming.EnvInitScripts + "=/var/initdb", naming.EnvTLSSecret + "=tls",
		agent.EnvPeerAddress + "=127.0.0.1:" + c.members[0].port}, env...)...)
	p.mkdir("/var/pv", "/etc/config", "/var/initdb", "/tls/certs")
	p.configure(nil)
}

func (c *cluster) setPassword(password string) {
	c.t.Helper()
	c.password = password
	c.secret("auth", map[string]string{"username": "admin", "password": password})
}

// files renders a member's configuration; settings replace those of the same name.
func (p *dbPod) files(settings map[string]string) map[string]string {
	values := map[string]string{"listen_addresses": "127.0.0.1", "port": p.port, "unix_socket_directories": p.path("/sockets"),
		"shared_buffers": "16MB", "max_connections": "20", "wal_level": "replica", "max_wal_senders": "5", "wal_keep_size": "64MB",
		"max_wal_size": "64MB", "hot_standby": "on", "fsync": "off", "wal_retrieve_retry_interval": "200ms"}
	maps.Copy(values, settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, values[name])
	}
	return map[string]string{"postgresql.conf": text.String(), "user.conf": "# the user's\n", "pg_hba.conf": "local all all trust\n" +
		"host replication all 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"}
}

// configure writes the member's configuration Secret and returns its hash.
func (p *dbPod) configure(settings map[string]string, former ...map[string]string) string {
	p.w.t.Helper()
	data := p.files(settings)
	for _, f := range former {
		for name, text := range p.files(f) {
			data[name+".prev"] = text
		}
	}
	p.w.secret(p.config, data)
	return hashOf(data)
}

// started starts the members that do not run yet and waits until all are ready.
func (c *cluster) started() *cluster {
	c.t.Helper()
	for _, p := range c.members {
		p.start()
	}
	c.ready()
	return c
}

func (c *cluster) ready() {
	c.t.Helper()
	for _, p := range c.members {
		p.isReady(true)
	}
}

// query runs a statement over TCP with the administrator's password and returns its one value.
func (p *dbPod) query(ctx context.Context, statement string) (string, error) {
	conn, err := pgx.Connect(ctx, fmt.Sprintf("postgresql://admin:%s@127.0.0.1:%s/postgres?connect_timeout=5", p.c.password, p.port))
	if err != nil {
		return "", err
	}
	defer conn.Close(context.Background())
	var value string
	err = conn.QueryRow(ctx, statement).Scan(&value)
	return value, err
}

// answers waits until a query has the wanted answer.
func (p *dbPod) answers(statement, want string) {
	p.w.t.Helper()
	testenv.Eventually(p.w.t, func(ctx context.Context) error {
		got, err := p.query(ctx, statement)
		if err == nil && got != want {
			err = fmt.Errorf("%s: %s gives %q, want %q", p.name, statement, got, want)
		}
		return err
	})
}

// exec runs a statement over TCP.
func (p *dbPod) exec(statement string) {
	p.w.t.Helper()
	conn, err := pgx.Connect(p.w.t.Context(), fmt.Sprintf("postgresql://admin:%s@127.0.0.1:%s/postgres", p.c.password, p.port))
	if err != nil {
		p.w.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(p.w.t.Context(), statement); err != nil {
		p.w.t.Fatalf("%s: %v", statement, err)
	}
}

func (c *cluster) lease() *coordinationv1.Lease {
	c.t.Helper()
	l := &coordinationv1.Lease{}
	if err := env.Client.Get(c.t.Context(), client.ObjectKey{Namespace: c.namespace, Name: "leader"}, l); err != nil {
		c.t.Fatal(err)
	}
	return l
}

func (p *dbPod) role(want string) {
	p.w.t.Helper()
	testenv.Eventually(p.w.t, func(ctx context.Context) error {
		object, err := p.object(ctx)
		if err == nil && object.Labels[naming.LabelRole] != want {
			err = fmt.Errorf("%s has role %q, want %q", p.name, object.Labels[naming.LabelRole], want)
		}
		return err
	})
}

func (p *dbPod) postmaster() int {
	p.w.t.Helper()
	pid := 0
	testenv.Eventually(p.w.t, func(context.Context) error {
		var err error
		pid, err = childOf(p.agent, "postgres\x00-D")
		return err
	})
	return pid
}

func TestAClusterOfThreeIsMadeAndReplicates(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3).started()
	primary := c.members[0]
	primary.exec("CREATE TABLE t AS SELECT 42 AS answer")
	for _, p := range c.members[1:] {
		p.answers("SELECT answer::text FROM t", "42")
		p.answers("SELECT pg_is_in_recovery()::text", "true")
		p.role(naming.RoleStandby)
	}
	primary.role(naming.RolePrimary)
	primary.answers("SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM pg_stat_replication", "db-1 db-2")
	primary.answers("SHOW data_checksums", "on")
	primary.answers("SHOW server_encoding", "UTF8")
	l := c.lease()
	if got := lease.HolderPod(l); got != "db-0" {
		t.Errorf("the Lease is held by %q, want db-0", got)
	}
	primary.answers("SELECT system_identifier::text FROM pg_control_system()", lease.SystemID(l))
	if lease.Term(l) != 1 {
		t.Errorf("the term is %d, want 1", lease.Term(l))
	}
	if text, err := os.ReadFile(primary.path("/etc/config/user.conf")); err != nil || string(text) != "# the user's\n" {
		t.Errorf("/etc/config/user.conf holds %q (%v)", text, err)
	}
}

func TestPostgresTakesAReloadableChangeAndReportsTheRest(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2).started()
	for _, p := range c.members {
		before := p.postmaster()
		hash := p.configure(map[string]string{"work_mem": "5MB"})
		r := p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
		if len(r.PendingRestart) > 0 {
			t.Errorf("pending: %v, want nothing", r.PendingRestart)
		}
		p.answers("SHOW work_mem", "5MB")

		hash = p.configure(map[string]string{"work_mem": "5MB", "max_connections": "25"})
		r = p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
		if !slices.Equal(r.PendingRestart, []string{"max_connections"}) {
			t.Errorf("pending: %v, want max_connections", r.PendingRestart)
		}
		if p.postmaster() != before {
			t.Errorf("the server of %s was restarted", p.name)
		}
	}
}

func TestPostgresRefusesWhatItCannotUse(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1).started()
	p := c.members[0]
	good := hashOf(p.files(nil))
	for name, bad := range map[string]map[string]string{
		"an unknown parameter":                  {"wrk_mem": "1MB"},
		"a bad value":                           {"work_mem": "banana"},
		"a library that does not exist":         {"shared_preload_libraries": "no_such_library"},
		"parameters that do not fit each other": {"wal_level": "minimal"},
	} {
		hash := p.configure(bad)
		r := p.reports("refuses "+name, func(r report.Report) bool { _, refused := r.Refused(hash); return refused })
		if !r.Accepted(good) || r.Problem != "" {
			t.Errorf("%s: the report is %s, want the former configuration in force", name, r)
		}
	}
	p.answers("SHOW wal_level", "replica")
	p.configure(nil)
	p.reports("forgets the refusal", func(r report.Report) bool { return r.Rejected == nil && r.Accepted(good) })
}

func TestPostgresStartsWithTheFormerConfigurationWhenThePresentIsRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	p := c.members[0]
	bad := p.configure(map[string]string{"shared_preload_libraries": "no_such_library"}, nil)
	c.started()
	r := p.reports("refuses the present configuration", func(r report.Report) bool { _, refused := r.Refused(bad); return refused })
	if !strings.Contains(r.Rejected.Message, "no_such_library") {
		t.Errorf("the message is %q, want the server's words", r.Rejected.Message)
	}
	if former := hashOf(p.files(nil)); !r.Accepted(former) {
		t.Errorf("in force is %q, want %q", r.ConfigHash, former)
	}
}

func TestANewPasswordIsInForceEverywhere(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2).started()
	primary, standby := c.members[0], c.members[1]
	verifier := func() string {
		value, err := primary.query(t.Context(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'admin'")
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	before := verifier()
	c.setPassword("second")
	primary.answers("SELECT 1::text", "1")
	standby.answers("SELECT 1::text", "1")
	after := verifier()
	if before == after || !strings.HasPrefix(after, "SCRAM-SHA-256$") {
		t.Errorf("the verifier was %s and is %s", before, after)
	}
	// A new stream authenticates with the new password.
	primary.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
	primary.answers("SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'", "1")
	// A restart with the same password leaves the verifier alone.
	primary.terminate()
	primary.exited()
	primary.start()
	primary.isReady(true)
	if again := verifier(); again != after {
		t.Errorf("the verifier changed from %s to %s without a new password", after, again)
	}
}

func TestAKilledPostmasterIsStartedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2).started()
	c.members[0].exec("CREATE TABLE t AS SELECT 1 AS a")
	for _, p := range c.members {
		before := p.postmaster()
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		testenv.Eventually(t, func(context.Context) error {
			if now, err := childOf(p.agent, "postgres\x00-D"); err != nil || now == before {
				return fmt.Errorf("no new postmaster: %w", err)
			}
			return nil
		})
		p.answers("SELECT count(*)::text FROM t", "1")
		p.isReady(true)
	}
	c.members[0].answers("SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'", "1")
}

func TestSIGTERMShutsPostgresDownInOrder(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2).started()
	for _, p := range slices.Backward(c.members) {
		p.terminate()
		if code := p.exited(); code != 0 {
			t.Errorf("the agent of %s ends with code %d", p.name, code)
		}
		p.reports("says that no session was cut", func(r report.Report) bool { return r.SessionsCut != nil && *r.SessionsCut == 0 })
		if log := p.said(); !strings.Contains(log, "database system is shut down") || strings.Contains(log, "immediate shutdown") {
			t.Errorf("%s was not shut down in order", p.name)
		}
	}
	l := c.lease()
	if lease.HolderPod(l) != "" || lease.SystemID(l) == "" {
		t.Errorf("the Lease is held by %q and records %q, want it free with the system recorded", lease.HolderPod(l), lease.SystemID(l))
	}
	c.started()
	c.members[0].answers("SELECT count(*)::text FROM pg_stat_replication", "1")
}

func TestAnAgentKilledWhileItMakesTheClusterStartsOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	p := c.members[0]
	// The first run blocks in a script until it is killed; by then the cluster is half made.
	p.write("/var/initdb/1.sql", "CREATE TABLE once (a int);")
	p.write("/var/initdb/2.sh", fmt.Sprintf("[ -e %s ] && exit 0; touch %s; exec sleep 600\n", p.path("/tmp/again"), p.path("/tmp/again")))
	p.write("/var/initdb/3.sql", "INSERT INTO once VALUES (7);")
	p.start()
	testenv.Eventually(t, func(context.Context) error { _, err := os.Stat(p.path("/tmp/again")); return err })
	if lease.SystemID(c.lease()) != "" {
		t.Error("a half-made cluster is recorded in the Lease")
	}
	p.isReady(false)
	p.kill()
	p.start()
	p.isReady(true)
	p.answers("SELECT string_agg(a::text, ' ') FROM once", "7")
}

func TestAFailingInitScriptIsReportedAndStartedOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	p := c.members[0]
	p.write("/var/initdb/1.sql", "CREATE TABLE once (a int); SELECT nonsense;")
	p.start()
	p.reports("names the script and the error", func(r report.Report) bool {
		return strings.Contains(r.Problem, "1.sql") && strings.Contains(r.Problem, "nonsense")
	})
	p.isReady(false)
	p.write("/var/initdb/1.sql", "CREATE TABLE once (a int);")
	p.isReady(true)
	p.answers("SELECT count(*)::text FROM once", "0")
}

func TestALostVolumeOfThePrimaryIsNeverReplacedByANewCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1).started()
	p := c.members[0]
	p.kill()
	if err := os.Rename(p.path("/var/pv/data"), p.path("/var/pv/elsewhere")); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.reports("says that the data is gone", func(r report.Report) bool { return strings.Contains(r.Problem, "volume was lost") })
	if _, err := os.Stat(p.path("/var/pv/data")); err == nil {
		t.Error("there is a data directory again")
	}
	if err := os.Rename(p.path("/var/pv/elsewhere"), p.path("/var/pv/data")); err != nil {
		t.Fatal(err)
	}
	p.isReady(true)
	p.reports("is fine again", func(r report.Report) bool { return r.Problem == "" })
}

func TestAStandbyKilledWhileItClonesStartsOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	primary, standby := c.members[0], c.members[1]
	primary.start()
	primary.isReady(true)
	primary.exec("CREATE TABLE big AS SELECT repeat(md5(i::text), 20) FROM generate_series(1, 100000) i")
	for range 3 {
		standby.start()
		testenv.Eventually(t, func(context.Context) error {
			found, _ := filepath.Glob(standby.path("/var/pv/data.new/base/*"))
			if len(found) == 0 {
				return fmt.Errorf("the clone has not begun")
			}
			return nil
		})
		standby.kill()
	}
	standby.start()
	standby.isReady(true)
	standby.answers("SELECT count(*)::text FROM big", "100000")
	if left, _ := filepath.Glob(standby.path("/var/pv/data.*")); len(left) > 0 {
		t.Errorf("leftovers: %v", left)
	}
}

func TestAStandbyThatLostItsPlaceIsClonedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	for _, p := range c.members {
		p.configure(map[string]string{"wal_keep_size": "0", "max_wal_size": "32MB"})
	}
	c.started()
	primary, standby := c.members[0], c.members[1]
	standby.terminate()
	standby.exited()
	primary.exec("CREATE TABLE t AS SELECT 1 AS a")
	for range 4 { // the segments that the standby needs are removed
		primary.exec("SELECT pg_switch_wal()")
		primary.exec("CREATE TABLE x AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
		primary.exec("DROP TABLE x")
		primary.exec("CHECKPOINT")
	}
	standby.start()
	standby.answers("SELECT count(*)::text FROM t", "1")
	standby.isReady(true)
	if !strings.Contains(standby.said(), "reclone") {
		t.Error("the standby was not cloned again")
	}
}

func TestASynchronousClusterIsMadeBeforeItsStandbysAreThere(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	for _, p := range c.members {
		p.configure(map[string]string{"synchronous_standby_names": `ANY 1 ("db-0", "db-1")`, "synchronous_commit": "on"})
	}
	primary, standby := c.members[0], c.members[1]
	primary.write("/var/initdb/1.sql", "CREATE TABLE t (a int); INSERT INTO t VALUES (1);")
	primary.start()
	primary.isReady(true)
	c.setPassword("second") // set while no standby can acknowledge it
	primary.answers("SELECT count(*)::text FROM t", "1")
	standby.start()
	standby.isReady(true)
	primary.exec("INSERT INTO t VALUES (2)")
	standby.answers("SELECT count(*)::text FROM t", "2")
}

func TestAWarmStandbyIsReadyWithoutAnsweringSQL(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	primary, standby := c.members[0], c.members[1]
	standby.configure(map[string]string{"hot_standby": "off"})
	c.started()
	primary.answers("SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'", "1")
	if _, err := standby.query(t.Context(), "SELECT 1::text"); err == nil {
		t.Error("a warm standby answers")
	}
	hash := standby.configure(map[string]string{"hot_standby": "off", "work_mem": "5MB", "max_connections": "30"})
	r := standby.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
	if !slices.Equal(r.PendingRestart, []string{"max_connections"}) {
		t.Errorf("pending: %v, want max_connections", r.PendingRestart)
	}
	standby.terminate()
	if code := standby.exited(); code != 0 {
		t.Errorf("the agent ends with code %d", code)
	}
}
