//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// poolersAuthority is a certificate authority of the namespace, by real cert-manager.
const poolersAuthority = `
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: ca}
spec: {isCA: true, commonName: ca, secretName: ca, issuerRef: {name: self}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ca}
spec: {ca: {secretName: ca}}
`

const byAuthority = "  tls: {issuerRef: {apiGroup: cert-manager.io, kind: Issuer, name: ca}}\n"

// trust gives the client what Secret X-tls-certs holds for clients of X, as files /tmp/X.ca, /tmp/X.crt and /tmp/X.key.
func (c client) trust(database string) {
	c.t.Helper()
	for key, file := range map[string]string{"ca.crt": "ca", "client.crt": "crt", "client.key": "key"} {
		content := c.secret(database+"-tls-certs", key)
		script := fmt.Sprintf("umask 077; cat > /tmp/%s.%s", database, file)
		if out, err := run(content, "-n", c.name, "exec", "-i", "client", "--", "sh", "-c", script); err != nil {
			c.t.Fatalf("give %s to the client: %v\n%s", key, err, out)
		}
	}
}

// options are connection options for psql beside those of a login: verify-full, with the client certificate or without.
func verifying(database string, withCertificate bool) string {
	options := "sslmode=verify-full sslrootcert=/tmp/" + database + ".ca"
	if withCertificate {
		options += " sslcert=/tmp/" + database + ".crt sslkey=/tmp/" + database + ".key"
	}
	return options
}

// tlsSQL runs a statement with connection options.
func (c client) tlsSQL(l login, options, statement string) (string, error) {
	out, err := run("", "-n", c.name, "exec", "client", "--", "env", "PGPASSWORD="+l.password, "PGCONNECT_TIMEOUT=30",
		"psql", "-qAtX", "-v", "ON_ERROR_STOP=1",
		fmt.Sprintf("host=%s port=%d user=%s dbname=%s %s", l.host, l.port, l.user, l.database, options), "-c", statement)
	return strings.TrimSpace(out), err
}

func (c client) saysOverTLS(l login, options, statement, value string) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("%s:%d says %s", l.host, l.port, value), func() string {
		if got, err := c.tlsSQL(l, options, statement); err != nil || got != value {
			return fmt.Sprintf("it says %q (%v)", got, err)
		}
		return ""
	})
}

func (c client) refusedOverTLS(l login, options, why string) {
	c.t.Helper()
	if out, err := c.tlsSQL(l, options, "select 1"); err == nil {
		c.t.Errorf("%s:%d lets in %s: %s", l.host, l.port, why, out)
	}
}

// serving is the serial number of the certificate that the agent of a pod saw its server show.
func (n namespace) serving(pod string) string {
	var report struct{ Serving struct{ Serial string } }
	_ = json.Unmarshal([]byte(n.field("pod/"+pod, `.metadata.annotations.matriarch\.dev/report`)), &report)
	return report.Serving.Serial
}

const encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"

// TestPoolersSpeakTLSToClientsAndFollowTheTLSOfTheirPostgres has a Postgres that gains TLS behind poolers that have it.
func TestPoolersSpeakTLSToClientsAndFollowTheTLSOfTheirPostgres(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(poolersAuthority)
	n.apply(postgres("pg", "15.18", 1, ""))
	n.apply(pgpool("pool", "4.3.5", 1, byAuthority+"  sslMode: require\n  clientAuthMode: scram\n"))
	n.apply(pgbouncer(n.name, "bouncer", "1.18.0", 1, byAuthority+"  sslMode: verify-full\n"))
	c := n.newClient("15.18")
	n.ready("postgres/pg", "pgpool/pool", "pgbouncer/bouncer")
	c.trust("pool")
	c.trust("bouncer")
	pool, bouncer := n.login("pg", "pool", 9999), n.login("pg", "bouncer", 5432)

	t.Run("clients verify them", func(t *testing.T) {
		c.saysOverTLS(pool, verifying("pool", false), encrypted, "f")
		c.saysOverTLS(pool, verifying("pool", true), encrypted, "f")
		c.saysOverTLS(bouncer, verifying("bouncer", true), encrypted, "f")
		c.refusedOverTLS(pool, "sslmode=disable", "a client without TLS")
		c.refusedOverTLS(bouncer, verifying("bouncer", false), "a client without a certificate")
		c.refusedOverTLS(bouncer, verifying("pool", true)+" sslcert=/tmp/nowhere", "a client without a certificate")
	})
	before := n.podUIDs()
	t.Run("both follow when the Postgres gains TLS", func(t *testing.T) {
		n.kubectl("patch", "postgres", "pg", "--type=merge", "-p",
			`{"spec":{"sslMode":"verify-full","tls":{"issuerRef":{"apiGroup":"cert-manager.io","kind":"Issuer","name":"ca"}}}}`)
		c.saysOverTLS(pool, verifying("pool", false), encrypted, "t")
		c.saysOverTLS(bouncer, verifying("bouncer", true), encrypted, "t")
	})
	t.Run("a renewed certificate is served while a session stays open", func(t *testing.T) {
		session := make(chan string, 1)
		go func() {
			out, err := c.tlsSQL(bouncer, verifying("bouncer", true), "select pg_sleep(8); select 'still here'")
			session <- fmt.Sprint(out, err)
		}()
		old := n.serving("bouncer-0")
		n.kubectl("delete", "secret", "bouncer-server-cert") // has cert-manager issue it anew
		n.eventually("another certificate is served", func() string {
			if now := n.serving("bouncer-0"); now == "" || now == old {
				return "it is " + now
			}
			return ""
		})
		c.saysOverTLS(bouncer, verifying("bouncer", true), encrypted, "t")
		if said := <-session; !strings.Contains(said, "still here<nil>") {
			t.Errorf("the session says %s", said)
		}
	})
	t.Run("both follow when the Postgres loses TLS", func(t *testing.T) {
		n.kubectl("patch", "postgres", "pg", "--type=json", "-p",
			`[{"op":"remove","path":"/spec/tls"},{"op":"replace","path":"/spec/sslMode","value":"disable"}]`)
		c.saysOverTLS(pool, verifying("pool", false), encrypted, "f")
		c.saysOverTLS(bouncer, verifying("bouncer", true), encrypted, "f")
	})
	if after := n.podUIDs(); after != before {
		t.Errorf("pods were replaced or restarted:\n%s\n%s", before, after)
	}
	n.ready("postgres/pg", "pgpool/pool", "pgbouncer/bouncer")
}
