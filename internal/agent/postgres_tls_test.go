package agent_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/testenv"
	certs "github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// publish writes the Secret with the published certificates and returns its hash.
func (c *cluster) publish(set certs.Set) string {
	c.t.Helper()
	data := map[string]string{}
	for name, content := range set.Files() {
		data[name] = string(content)
	}
	c.secret("tls", data)
	return report.HashFiles(set.Files())
}

// secure configures a member for TLS alone, as the operator would; method is how clients log in.
func (p *dbPod) secure(method string) string {
	p.w.t.Helper()
	server, client := p.path("/tls/certs/server")+"/", p.path("/tls/certs/client")+"/"
	data := p.files(map[string]string{
		"ssl": "on", "ssl_cert_file": server + "server.crt", "ssl_key_file": server + "server.key", "ssl_ca_file": server + "ca.crt",
	})
	data["pg_hba.conf"] = "local all all trust\nhostssl replication all all " + method + "\nhostssl all all all " + method + "\n"
	data["upstream.conninfo"] = "sslmode=verify-full sslrootcert=" + client + "ca.crt sslcert=" + client + "client.crt sslkey=" + client + "client.key\n"
	p.w.secret(p.config, data)
	return hashOf(data)
}

// over opens a session with TLS, trusting the set's authorities alone; it shows the set's client certificate.
func (p *dbPod) over(ctx context.Context, set certs.Set) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(fmt.Sprintf("postgresql://admin:%s@127.0.0.1:%s/postgres?sslmode=verify-full&connect_timeout=5", p.c.password, p.port))
	if err != nil {
		return nil, err
	}
	config.TLSConfig.RootCAs = x509.NewCertPool()
	config.TLSConfig.RootCAs.AppendCertsFromPEM(set.CA)
	pair, err := tls.X509KeyPair(set.Pairs[certs.Client].Cert, set.Pairs[certs.Client].Key)
	if err != nil {
		return nil, err
	}
	config.TLSConfig.Certificates = []tls.Certificate{pair}
	return pgx.ConnectConfig(ctx, config)
}

// lets waits until a session with TLS has the wanted answer.
func (p *dbPod) lets(set certs.Set, statement, want string) {
	p.w.t.Helper()
	testenv.Eventually(p.w.t, func(ctx context.Context) error {
		conn, err := p.over(ctx, set)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		var got string
		if err := conn.QueryRow(ctx, statement).Scan(&got); err != nil || got != want {
			return fmt.Errorf("%s: %s gives %q, want %q (%v)", p.name, statement, got, want, err)
		}
		return nil
	})
}

func serialOf(set certs.Set) string { return certs.Serial(certs.LeafOf(set.Pairs[certs.Server])) }

// serves waits until every member reports that it has the set and shows its certificate.
func (c *cluster) serves(set certs.Set, hash string) {
	c.t.Helper()
	for _, p := range c.members {
		p.reports("serves the certificates", func(r report.Report) bool {
			return r.CertificateHash == hash && r.Serving != nil && r.Serving.Serial == serialOf(set) && r.CertificateProblem == ""
		})
	}
}

const replicationWithTLS = "SELECT string_agg(s.ssl::text, ' ') FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)"

func TestTLSComesChangesAndGoesWhileASessionIsOpenAndAStandbyStreams(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2).started()
	primary := c.members[0]
	session, err := pgx.Connect(t.Context(), fmt.Sprintf("postgresql://admin:%s@127.0.0.1:%s/postgres?sslmode=disable", c.password, primary.port))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(context.Background())
	before := []int{primary.postmaster(), c.members[1].postmaster()}
	ca, other := tlstest.NewAuthority(t, "ca"), tlstest.NewAuthority(t, "other")

	// It comes: first the files, then the configuration.
	first := ca.Set(t, "admin")
	hash := c.publish(first)
	for _, p := range c.members {
		p.reports("has the files", func(r report.Report) bool { return r.CertificateHash == hash && r.Serving == nil })
		p.secure("scram-sha-256")
	}
	c.serves(first, hash)
	primary.lets(first, replicationWithTLS, "true")
	if conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgresql://admin:%s@127.0.0.1:%s/postgres?sslmode=disable", c.password, primary.port)); err == nil {
		conn.Close(t.Context())
		t.Error("a client without TLS was let in")
	}

	// It changes: a renewal, then another authority by overlap.
	renewed := ca.Set(t, "admin")
	c.serves(renewed, c.publish(renewed))
	moved := other.Set(t, "admin")
	for {
		next, settled := certs.Next(renewed, moved, true)
		if settled {
			break
		}
		c.serves(next, c.publish(next))
		renewed = next
	}
	primary.lets(moved, "SELECT 1::text", "1")

	// A key that does not match is refused and changes nothing.
	broken := certs.FromFiles(moved.Files())
	broken.Pairs[certs.Server] = certs.Pair{Cert: moved.Pairs[certs.Server].Cert, Key: first.Pairs[certs.Server].Key}
	c.publish(broken)
	for _, p := range c.members {
		p.reports("refuses the key", func(r report.Report) bool {
			return strings.Contains(r.CertificateProblem, "private key") && r.Serving != nil && r.Serving.Serial == serialOf(moved)
		})
	}
	primary.lets(moved, "SELECT 1::text", "1")
	c.serves(moved, c.publish(moved))

	// It goes: first the configuration, then the files.
	for _, p := range c.members {
		p.configure(nil)
	}
	for _, p := range c.members {
		p.reports("serves no certificate", func(r report.Report) bool { return r.Serving == nil })
	}
	primary.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_replication") // it may have come back before the primary's TLS went
	primary.answers(replicationWithTLS, "false")
	if err := env.Client.Delete(t.Context(), &corev1.Secret{ObjectMeta: c.meta("tls")}); err != nil {
		t.Fatal(err)
	}
	for i, p := range c.members {
		p.reports("has no files", func(r report.Report) bool { return r.CertificateHash == "" })
		if _, err := os.Stat(p.path("/tls/certs/server/server.key")); !os.IsNotExist(err) {
			t.Errorf("%s keeps the key: %v", p.name, err)
		}
		if p.postmaster() != before[i] {
			t.Errorf("%s was restarted", p.name)
		}
	}
	var one int
	if err := session.QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil {
		t.Errorf("the session was cut: %v", err)
	}
}

func TestMembersWaitForCertificatesAndKnowEachOtherByThem(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	for _, p := range c.members {
		p.secure("cert")
		p.start()
	}
	primary, standby := c.members[0], c.members[1]
	primary.reports("waits for certificates", func(r report.Report) bool { return strings.Contains(r.Problem, "certificates are not there yet") })
	set := tlstest.NewAuthority(t, "ca").Set(t, "admin")
	hash := c.publish(set)
	c.ready()
	c.serves(set, hash)
	primary.lets(set, replicationWithTLS, "true")
	primary.lets(set, "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "/CN=admin")

	// A container that comes back finds its certificates, also without the API server's help.
	standby.kill()
	standby.start()
	standby.isReady(true)
	standby.lets(set, "SELECT pg_is_in_recovery()::text", "true")
	for _, name := range []string{"server/server.key", "client/client.key"} {
		info, err := os.Stat(standby.path("/tls/certs/" + name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
