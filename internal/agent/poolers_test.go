package agent_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// poolerKind is what differs between the two poolers in the tests below.
type poolerKind struct {
	kind, program string
	// process is how the server's main process begins its command line.
	process string
	// render returns the configuration Secret's content; settings replace those of the same name.
	render func(p *pod, port string, settings map[string]string) map[string]string
	// credentials returns the credentials Secret's content for a user's password.
	credentials func(password string) map[string]string
	// userFile is where the users' passwords are.
	userFile string
	// Examples of each sort of change.
	reloadable, restart, badValue, unknown map[string]string
	// refusal is a word of the server's own message about badValue.
	refusal string
}

// backendPort is the setting for the server behind a pooler, in Pgpool-II's words.
const backendPort = "backend_port0"

var poolerKinds = []poolerKind{{
	kind: agent.KindPgpool, program: "pgpool", process: "pgpool\x00-n",
	render: func(p *pod, port string, settings map[string]string) map[string]string {
		values := map[string]string{
			"listen_addresses": "127.0.0.1", "port": port, "pcp_listen_addresses": "", "pcp_port": "9898",
			"socket_dir": p.path("/sockets"), "pcp_socket_dir": p.path("/sockets"),
			"pid_file_name": p.path("/sockets/pgpool.pid"), "logdir": p.path("/tmp"),
			"backend_hostname0": "127.0.0.1", backendPort: "65535", "backend_flag0": "ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER",
			"backend_clustering_mode": "streaming_replication", "sr_check_period": "0", "health_check_period": "0",
			"num_init_children": "2", "max_pool": "1", "enable_pool_hba": "on", "pool_passwd": "pool_passwd",
			"memory_cache_enabled": "off", "memqcache_oiddir": p.path("/tmp"),
		}
		maps.Copy(values, settings)
		var text strings.Builder
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&text, "%s = '%s'\n", name, values[name])
		}
		return map[string]string{"pgpool.conf": text.String(), "pool_hba.conf": "local all all trust\nhost all all all scram-sha-256\n"}
	},
	credentials: func(password string) map[string]string {
		sum := md5.Sum([]byte("secret"))
		return map[string]string{"pcp.conf": "pcp:" + hex.EncodeToString(sum[:]) + "\n", "pool_passwd": "admin:TEXT" + password + "\n"}
	},
	userFile:   "/opt/pgpool-II/etc/pool_passwd",
	reloadable: map[string]string{"client_idle_limit": "77"},
	restart:    map[string]string{"num_init_children": "3"},
	badValue:   map[string]string{"log_min_messages": "shouting"},
	unknown:    map[string]string{"num_init_childern": "3"},
	refusal:    "shouting",
}, {
	kind: agent.KindPgBouncer, program: "pgbouncer", process: "pgbouncer\x00",
	render: func(p *pod, port string, settings map[string]string) map[string]string {
		values := map[string]string{
			"listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": p.path("/sockets"), "auth_type": "md5",
			"auth_file": p.path("/var/run/pgbouncer/secret/userlist"), "admin_users": "pgbouncer", "pidfile": p.path("/tmp/pgbouncer.pid"),
		}
		maps.Copy(values, settings)
		backend := "1"
		if port, found := values[backendPort]; found {
			backend = port
			delete(values, backendPort)
		}
		text := strings.Builder{}
		fmt.Fprintf(&text, "[databases]\npostgres = host=127.0.0.1 port=%s dbname=postgres\n[pgbouncer]\n", backend)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&text, "%s = %s\n", name, values[name])
		}
		return map[string]string{"pgbouncer.ini": text.String()}
	},
	credentials: func(password string) map[string]string {
		return map[string]string{"userlist": fmt.Sprintf("%q %q\n", "admin", password)}
	},
	userFile:   "/var/run/pgbouncer/secret/userlist",
	reloadable: map[string]string{"default_pool_size": "7"},
	restart:    map[string]string{"listen_backlog": "77"},
	badValue:   map[string]string{"pool_mode": "whatever"},
	unknown:    map[string]string{"defaultpoolsize": "3"},
	refusal:    "whatever",
}}

// pooler is a pod with one pooler.
type poolerPod struct {
	*pod
	kind poolerKind
	port string
}

// eachPooler runs a test for each kind.
func eachPooler(t *testing.T, test func(t *testing.T, p *poolerPod)) {
	for _, kind := range poolerKinds {
		t.Run(kind.kind, func(t *testing.T) {
			t.Parallel()
			test(t, newPooler(t, kind))
		})
	}
}

func newPooler(t *testing.T, kind poolerKind) *poolerPod {
	t.Helper()
	need(t, kind.program)
	w := newWorld(t)
	w.allow([]string{"config", "credentials"}, []string{"db-0"}, nil)
	return &poolerPod{pod: w.newPod("db-0", kind.kind), kind: kind, port: freePort(t)}
}

// configure writes the configuration Secret and returns its hash.
func (p *poolerPod) configure(settings map[string]string, former ...map[string]string) string {
	p.w.t.Helper()
	data := p.kind.render(p.pod, p.port, settings)
	for _, f := range former {
		for name, text := range p.kind.render(p.pod, p.port, f) {
			data[name+".prev"] = text
		}
	}
	p.w.secret("config", data)
	return hashOf(data)
}

func (p *poolerPod) setPassword(password string) string {
	p.w.t.Helper()
	data := p.kind.credentials(password)
	p.w.secret("credentials", data)
	return hashOf(data)
}

func hashOf(data map[string]string) string {
	files := map[string][]byte{}
	for name, text := range data {
		files[name] = []byte(text)
	}
	return report.HashFiles(files)
}

// serving starts the pod with a good configuration and waits until it serves.
func (p *poolerPod) serving() {
	p.w.t.Helper()
	p.servingWith(nil, "one")
}

// servingWith is serving with settings and the administrator's password.
func (p *poolerPod) servingWith(settings map[string]string, password string) {
	p.w.t.Helper()
	hash := p.configure(settings)
	p.setPassword(password)
	p.start()
	p.reports("accepts the configuration", func(r report.Report) bool { return r.Accepted(hash) && r.Problem == "" && r.ServerVersion != "" })
	p.isReady(true)
	p.accepts()
}

// accepts checks that clients can connect over TCP.
func (p *poolerPod) accepts() {
	p.w.t.Helper()
	connection, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		p.w.t.Fatalf("%s does not accept a connection: %v", p.kind.kind, err)
	}
	connection.Close()
}

// wastesNoMemory checks that all shared memory of the pod is in use: it has an IPC namespace of its own.
func (p *poolerPod) wastesNoMemory() {
	p.w.t.Helper()
	list, err := exec.Command("nsenter", "--ipc", "--target", strconv.Itoa(p.agent), "cat", "/proc/sysvipc/shm").CombinedOutput()
	if err != nil {
		p.w.t.Fatalf("list the shared memory of the pod: %v\n%s", err, list)
	}
	const attached = 6 // the column nattch
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > attached && fields[attached] == "0" {
			p.w.t.Errorf("shared memory that nobody uses: %s", line)
		}
	}
}

// serverPID finds the server's main process among the agent's children, as the host numbers them.
func (p *poolerPod) serverPID() int {
	p.w.t.Helper()
	pid := 0
	testenv.Eventually(p.w.t, func(context.Context) error {
		var err error
		pid, err = childOf(p.agent, p.kind.process)
		return err
	})
	return pid
}

// childOf finds the child of a process whose command line holds a text.
func childOf(parent int, text string) (int, error) {
	output, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(parent)).Output()
	if err != nil {
		return 0, fmt.Errorf("process %d has no children: %w", parent, err)
	}
	for _, field := range strings.Fields(string(output)) {
		line, _ := os.ReadFile(filepath.Join("/proc", field, "cmdline"))
		if strings.Contains(string(line), text) {
			return strconv.Atoi(field)
		}
	}
	return 0, fmt.Errorf("process %d has no child %q", parent, text)
}

func TestAPoolerServesWhileItsBackendIsAbsent(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(_ *testing.T, p *poolerPod) { p.serving() })
}

func TestAReloadableChangeComesIntoForceWithoutARestart(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		p.serving()
		before := p.serverPID()
		hash := p.configure(p.kind.reloadable)
		r := p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
		if len(r.PendingRestart) > 0 || r.Rejected != nil {
			t.Errorf("the report is %s, want nothing pending or rejected", r)
		}
		if after := p.serverPID(); after != before {
			t.Errorf("the server was restarted: process %d, before %d", after, before)
		}
		p.wastesNoMemory() // of the throwaway process that tried the change
	})
}

func TestAChangeThatTakesARestartIsReportedAsPending(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		p.serving()
		hash := p.configure(p.kind.restart)
		r := p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
		if want := slices.Collect(maps.Keys(p.kind.restart)); !slices.Equal(r.PendingRestart, want) {
			t.Errorf("pending: %v, want %v", r.PendingRestart, want)
		}
		hash = p.configure(nil)
		p.reports("has nothing pending after the way back", func(r report.Report) bool { return r.Accepted(hash) && len(r.PendingRestart) == 0 })

		hash = p.configure(p.kind.restart)
		p.reports("accepts the change again", func(r report.Report) bool { return r.Accepted(hash) })
		p.kill()
		p.start()
		p.reports("has nothing pending after a restart", func(r report.Report) bool { return r.Accepted(hash) && len(r.PendingRestart) == 0 })
	})
}

func TestARefusedChangeLeavesTheFormerInForce(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		p.serving()
		good, before := hashOf(p.kind.render(p.pod, p.port, nil)), p.serverPID()
		for _, bad := range []map[string]string{p.kind.badValue, p.kind.unknown} {
			hash := p.configure(bad)
			r := p.reports("refuses the change", func(r report.Report) bool { _, refused := r.Refused(hash); return refused })
			if !r.Accepted(good) {
				t.Errorf("in force is %s, want the former %s", r.ConfigHash, good)
			}
			name := slices.Collect(maps.Keys(bad))[0]
			if !strings.Contains(r.Rejected.Message, name) && !strings.Contains(r.Rejected.Message, p.kind.refusal) {
				t.Errorf("the message does not say what is wrong with %s: %s", name, r.Rejected.Message)
			}
			p.accepts()
		}
		// Credentials still come in while the configuration is refused.
		credentials := p.setPassword("two")
		p.reports("takes new credentials", func(r report.Report) bool { return r.CredentialsHash == credentials && r.Rejected != nil })
		hash := p.configure(nil)
		p.reports("forgets the refusal", func(r report.Report) bool { return r.Accepted(hash) && r.Rejected == nil })
		if after := p.serverPID(); after != before {
			t.Errorf("the server was restarted: process %d, before %d", after, before)
		}
	})
}

func TestANewPasswordReachesTheServersFileInPlace(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		p.serving()
		hash := p.setPassword("two")
		p.reports("takes new credentials", func(r report.Report) bool { return r.CredentialsHash == hash })
		text, err := os.ReadFile(p.path(p.kind.userFile))
		if err != nil || !strings.Contains(string(text), "two") || strings.Contains(string(text), "one") {
			t.Errorf("the file holds %q (%v), want only the new password", text, err)
		}
	})
}

func TestAStartWithARefusedConfigurationFallsBackToTheFormer(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		p.setPassword("one")
		bad := p.configure(p.kind.badValue, nil)
		p.start()
		r := p.reports("refuses the present configuration", func(r report.Report) bool { _, refused := r.Refused(bad); return refused })
		if former := hashOf(p.kind.render(p.pod, p.port, nil)); !r.Accepted(former) {
			t.Errorf("in force is %q, want the former %s", r.ConfigHash, former)
		}
		p.isReady(true)
	})
}

func TestAStartWithoutAnyUsableConfigurationWaitsForABetterOne(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		p.start()
		p.reports("says which Secret is missing", func(r report.Report) bool { return strings.Contains(r.Problem, "does not exist") })
		p.setPassword("one")
		bad := p.configure(p.kind.badValue)
		p.reports("says what is wrong", func(r report.Report) bool {
			_, refused := r.Refused(bad)
			return refused && strings.Contains(r.Problem, p.kind.refusal)
		})
		p.isReady(false)
		good := p.configure(nil)
		p.reports("recovers", func(r report.Report) bool { return r.Accepted(good) && r.Problem == "" && r.Rejected == nil })
		p.isReady(true)
	})
}

func TestAServerThatDiesIsStartedAgain(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		p.serving()
		before := p.serverPID()
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.reports("tells of the death", func(r report.Report) bool { return strings.Contains(r.Problem, "ended by itself") })
		p.reports("serves again", func(r report.Report) bool { return r.Problem == "" })
		if after := p.serverPID(); after == before {
			t.Error("the process is the same")
		}
		p.accepts()
		p.wastesNoMemory()
	})
}

func TestWhatPgBouncerSetsOnlyOnNewSocketsRenewsTheServerConnections(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		if p.kind.kind != agent.KindPgBouncer {
			return
		}
		p.serving()
		for _, change := range []struct {
			parameter string
			renews    bool
		}{{"default_pool_size", false}, {"tcp_keepidle", true}} {
			hash := p.configure(map[string]string{change.parameter: "9"})
			p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) && len(r.PendingRestart) == 0 })
			if renewed := strings.Contains(p.said(), "RECONNECT command issued"); renewed != change.renews {
				t.Errorf("after a change of %s: connections renewed is %v, want %v", change.parameter, renewed, change.renews)
			}
		}
	})
}
