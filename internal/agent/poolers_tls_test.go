package agent_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
	"github.com/matriarchdb/matriarch/internal/testserver"
	mtls "github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// tlsPooler is a pooler in front of a real PostgreSQL whose TLS comes and goes, and which reads the certificates that the
// operator publishes.
type tlsPooler struct {
	*poolerPod
	behind *testserver.Postgres
}

func eachTLSPooler(t *testing.T, test func(t *testing.T, p tlsPooler)) {
	for _, kind := range poolerKinds {
		t.Run(kind.kind, func(t *testing.T) {
			t.Parallel()
			need(t, kind.program, "postgres")
			w := newWorld(t)
			w.allow([]string{"config", "credentials", "tls"}, []string{"db-0"}, nil)
			p := tlsPooler{behind: testserver.StartPostgres(t), poolerPod: &poolerPod{
				pod: w.newPod("db-0", kind.kind, naming.EnvTLSSecret+"=tls"), kind: kind, port: freePort(t),
			}}
			p.behind.Exec(t, "CREATE ROLE admin LOGIN PASSWORD 'one'")
			test(t, p)
		})
	}
}

// settings of both kinds for these tests: connections to the server do not outlive their clients.
func (p tlsPooler) settings(more map[string]string) map[string]string {
	all := map[string]string{backendPort: strconv.Itoa(int(p.behind.Port))}
	if p.kind.kind == agent.KindPgpool {
		maps.Copy(all, map[string]string{"ssl": "on", "ssl_ca_cert": p.path(naming.PgpoolTLSDir + "/ca.pem"), "connection_cache": "off", "num_init_children": "4"})
	}
	maps.Copy(all, more)
	return all
}

// towards are the settings for TLS with the server; Pgpool has the same in any case.
func (p tlsPooler) towards(mode string) map[string]string {
	if p.kind.kind == agent.KindPgpool {
		return nil
	}
	settings := map[string]string{"server_tls_sslmode": mode}
	if strings.HasPrefix(mode, "verify") {
		settings["server_tls_ca_file"] = p.path("/var/run/pgbouncer/secret/" + naming.UpstreamCA)
	}
	return settings
}

// towardsClients are the settings for TLS with clients.
func (p tlsPooler) towardsClients() map[string]string {
	if p.kind.kind == agent.KindPgpool {
		return map[string]string{"ssl_cert": p.path(naming.PgpoolTLSDir + "/tls.crt"), "ssl_key": p.path(naming.PgpoolTLSDir + "/tls.key")}
	}
	at := p.path(naming.PgBouncerTLSDir + "/server")
	return map[string]string{
		"client_tls_sslmode": "require", "client_tls_cert_file": at + "/tls.crt", "client_tls_key_file": at + "/tls.key", "client_tls_ca_file": at + "/ca.crt",
	}
}

// trust writes the credentials with the authorities of the server and waits until the pooler has taken them.
func (p tlsPooler) trust(authorities ...*tlstest.Authority) {
	p.w.t.Helper()
	data, bundle, hash := p.kind.credentials("one"), "", ""
	for _, one := range authorities {
		bundle += string(one.PEM)
	}
	if bundle != "" {
		hash = report.UpstreamHash(map[string][]byte{naming.TLSCA: []byte(bundle)})
		data[naming.UpstreamCA], data[naming.UpstreamHash] = bundle, hash
	}
	p.w.secret("credentials", data)
	p.reports("trusts the authorities", func(r report.Report) bool { return r.CredentialsHash == hashOf(data) && r.UpstreamHash == hash })
}

func (p tlsPooler) session(ctx context.Context, tlsConfig *tls.Config) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(fmt.Sprintf("postgresql://admin:one@127.0.0.1:%s/postgres?connect_timeout=10&sslmode=disable", p.port))
	if err != nil {
		return nil, err
	}
	config.TLSConfig, config.DefaultQueryExecMode = tlsConfig, pgx.QueryExecModeSimpleProtocol
	return pgx.ConnectConfig(ctx, config)
}

// opened is a session that a test keeps.
func (p tlsPooler) opened(config *tls.Config) *pgx.Conn {
	p.w.t.Helper()
	var conn *pgx.Conn
	testenv.Eventually(p.w.t, func(ctx context.Context) error {
		var err error
		conn, err = p.session(p.w.t.Context(), config)
		return err
	})
	p.w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// encrypted waits until a new session has, or has no, TLS between pooler and server.
func (p tlsPooler) encrypted(want string) {
	p.w.t.Helper()
	testenv.Eventually(p.w.t, func(ctx context.Context) error {
		conn, err := p.session(ctx, nil)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		var got string
		if err := conn.QueryRow(ctx, "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&got); err != nil || got != want {
			return fmt.Errorf("TLS towards the server is %q, want %s: %v", got, want, err)
		}
		return nil
	})
}

func backendOf(t *testing.T, conn *pgx.Conn) (pid int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatalf("the session is gone: %v", err)
	}
	return pid
}

func TestAPoolerFollowsTheTLSOfItsServerWhileSessionsStayOpen(t *testing.T) {
	t.Parallel()
	eachTLSPooler(t, func(t *testing.T, p tlsPooler) {
		first, second := tlstest.NewAuthority(t, "first"), tlstest.NewAuthority(t, "second")
		p.servingWith(p.settings(p.towards("prefer")), "one")
		before, session := p.serverPID(), p.opened(nil)
		pid := backendOf(t, session)
		p.encrypted("false")
		serve := func(by *tlstest.Authority) {
			leaf := by.Issue(t, tlstest.Leaf{CommonName: "pg"})
			p.behind.ServeTLS(t, leaf.Cert, leaf.Key, by.PEM)
		}
		change := func(settings map[string]string) {
			hash := p.configure(p.settings(settings))
			p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) && len(r.PendingRestart) == 0 })
		}
		p.trust(first)
		serve(first)
		change(p.towards("verify-ca"))
		p.encrypted("true")
		p.trust(first, second)
		serve(second)
		p.encrypted("true")
		p.trust(second)
		p.encrypted("true")
		change(p.towards("prefer"))
		p.behind.ServeNoTLS(t)
		p.trust()
		p.encrypted("false")
		if now := backendOf(t, session); now != pid {
			t.Errorf("the session has the server process %d, before %d", now, pid)
		}
		if after := p.serverPID(); after != before {
			t.Errorf("the pooler was restarted: process %d, before %d", after, before)
		}
	})
}

func TestAConfigurationThatComesBeforeItsCertificatesWaitsForThem(t *testing.T) {
	t.Parallel()
	eachTLSPooler(t, func(t *testing.T, p tlsPooler) {
		authority := tlstest.NewAuthority(t, "ours")
		p.configure(p.settings(p.towardsClients()))
		p.setPassword("one")
		p.start()
		p.reports("says what it waits for", func(r report.Report) bool {
			return strings.Contains(r.Problem, "the Secret") || strings.Contains(r.Problem, "in no Secret yet")
		})
		p.isReady(false)
		p.publish(authority.Set(t, "admin", "db.demo.svc"))
		p.isReady(true)
	})
}

// publish writes what the operator publishes and returns the hash.
func (p tlsPooler) publish(set mtls.Set) string {
	p.w.t.Helper()
	data := map[string]string{}
	for name, content := range set.Files() {
		data[name] = string(content)
	}
	p.w.secret("tls", data)
	return report.HashFiles(set.Files())
}

func verifying(authority *tlstest.Authority) *tls.Config {
	config := &tls.Config{ServerName: "db.demo.svc", RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AppendCertsFromPEM(authority.PEM)
	return config
}

func TestTLSThatWaitsForARestartIsNotAskedOfClients(t *testing.T) {
	t.Parallel()
	eachTLSPooler(t, func(t *testing.T, p tlsPooler) {
		if p.kind.kind != agent.KindPgpool {
			return // PgBouncer gains TLS by a reload
		}
		authority := tlstest.NewAuthority(t, "ours")
		p.servingWith(p.settings(nil), "one")
		hash := p.publish(authority.Set(t, "admin", "db.demo.svc"))
		data := p.kind.render(p.pod, p.port, p.settings(p.towardsClients()))
		data["pool_hba.conf"] = "local all all trust\nhostssl all all all scram-sha-256\n"
		p.w.secret("config", data)
		p.reports("waits for a restart", func(r report.Report) bool {
			return r.Accepted(hashOf(data)) && slices.Contains(r.PendingRestart, "ssl_cert") && r.Serving == nil
		})
		p.opened(nil)
		p.kill()
		p.start()
		p.reports("serves the certificate", func(r report.Report) bool { return r.CertificateHash == hash && len(r.PendingRestart) == 0 })
		p.opened(verifying(authority))
		if conn, err := p.session(t.Context(), nil); err == nil {
			conn.Close(context.Background())
			t.Error("a client without TLS is let in after the restart")
		}
	})
}

func TestANewCertificateIsServedByReloadOrWaitsForARestart(t *testing.T) {
	t.Parallel()
	eachTLSPooler(t, func(t *testing.T, p tlsPooler) {
		authority := tlstest.NewAuthority(t, "ours")
		old, renewed := authority.Set(t, "admin", "db.demo.svc"), authority.Set(t, "admin", "db.demo.svc")
		serial := func(set mtls.Set) string { return mtls.Serial(mtls.LeafOf(set.Pairs[mtls.Server])) }
		hash := p.publish(old)
		p.servingWith(p.settings(p.towardsClients()), "one")
		p.reports("serves the certificate", func(r report.Report) bool {
			return r.CertificateHash == hash && r.Serving != nil && r.Serving.Serial == serial(old)
		})
		before, session := p.serverPID(), p.opened(verifying(authority))
		pid := backendOf(t, session)
		newHash := p.publish(renewed)
		if p.kind.kind == agent.KindPgpool {
			r := p.reports("waits for a restart", func(r report.Report) bool { return slices.Contains(r.PendingRestart, "ssl_cert") })
			if r.CertificateHash != hash || r.Serving == nil || r.Serving.Serial != serial(old) {
				t.Errorf("the report is %s, want the old certificate", r)
			}
		} else {
			p.reports("serves the new certificate", func(r report.Report) bool {
				return r.CertificateHash == newHash && r.Serving.Serial == serial(renewed) && len(r.PendingRestart) == 0
			})
		}
		if now := backendOf(t, session); now != pid {
			t.Errorf("the session has the server process %d, before %d", now, pid)
		}
		if after := p.serverPID(); after != before {
			t.Errorf("the pooler was restarted: process %d, before %d", after, before)
		}
		p.kill()
		p.start()
		p.reports("serves the new certificate after a restart", func(r report.Report) bool {
			return r.CertificateHash == newHash && r.Serving != nil && r.Serving.Serial == serial(renewed) && len(r.PendingRestart) == 0
		})
		p.opened(verifying(authority))
	})
}

func TestCertificatesGoWhenTheConfigurationWantsThemNoMore(t *testing.T) {
	t.Parallel()
	eachTLSPooler(t, func(t *testing.T, p tlsPooler) {
		hash := p.publish(tlstest.NewAuthority(t, "ours").Set(t, "admin", "db.demo.svc"))
		p.servingWith(p.settings(p.towardsClients()), "one")
		p.reports("serves the certificate", func(r report.Report) bool { return r.CertificateHash == hash })
		p.configure(p.settings(nil))
		if err := env.Client.Delete(t.Context(), &corev1.Secret{ObjectMeta: p.w.meta("tls")}); err != nil {
			t.Fatal(err)
		}
		key := naming.PgpoolTLSDir + "/tls.key"
		if p.kind.kind == agent.KindPgBouncer {
			key = naming.PgBouncerTLSDir + "/server/tls.key"
			p.reports("serves none", func(r report.Report) bool { return r.CertificateHash == "" && r.Serving == nil })
		}
		testenv.Eventually(t, func(context.Context) error { return p.isGone(key) })
	})
}

// isGone tells whether a file of the pod does not exist.
func (p *pod) isGone(name string) error {
	if _, err := os.Stat(p.path(name)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is still there (%v)", name, err)
	}
	return nil
}

// A client asks for TLS, is told that there is none, and logs in without: in between the mode may change.
func TestAClientThatWasToldThatThereIsNoTLSIsStillLetIn(t *testing.T) {
	t.Parallel()
	eachTLSPooler(t, func(t *testing.T, p tlsPooler) {
		if p.kind.kind != agent.KindPgBouncer {
			return // Pgpool gains TLS by a restart
		}
		authority := tlstest.NewAuthority(t, "ours")
		p.servingWith(p.settings(nil), "one")
		p.publish(authority.Set(t, "admin", "db.demo.svc"))
		asked, answer := p.asksForTLS()
		if answer != 'N' {
			t.Fatalf("without TLS the answer to a client that asks for it is %q", answer)
		}
		hash := p.configure(p.settings(p.towardsClients()))
		testenv.Eventually(t, func(context.Context) error {
			other, answer := p.asksForTLS()
			other.Close()
			if answer != 'S' {
				return fmt.Errorf("the answer to a client that asks for TLS is %q", answer)
			}
			return nil
		})
		front := pgproto3.NewFrontend(asked, asked)
		front.Send(&pgproto3.StartupMessage{
			ProtocolVersion: pgproto3.ProtocolVersionNumber, Parameters: map[string]string{"user": "admin", "database": "postgres"},
		})
		if err := front.Flush(); err != nil {
			t.Fatal(err)
		}
		message, err := front.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if refused, is := message.(*pgproto3.ErrorResponse); is {
			t.Errorf("the client is refused: %s", refused.Message)
		}
		asked.Close()
		p.reports("has taken the files", func(r report.Report) bool { return r.Accepted(hash) })
		p.opened(verifying(authority))
		if conn, err := p.session(t.Context(), nil); err == nil {
			conn.Close(context.Background())
			t.Error("a client without TLS is let in afterwards")
		}
	})
}

// asksForTLS connects and asks for TLS, and returns the connection with the answer, S or N.
func (p tlsPooler) asksForTLS() (net.Conn, byte) {
	p.w.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+p.port)
	if err != nil {
		p.w.t.Fatal(err)
	}
	request, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		p.w.t.Fatal(err)
	}
	answer := make([]byte, 1)
	if _, err = conn.Write(request); err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err != nil {
		p.w.t.Fatal(err)
	}
	return conn, answer[0]
}
