//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// authority makes a cert-manager Issuer with an authority of its own.
func authority(name string) string {
	return `
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ` + name + `-root}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: ` + name + `}
spec:
  isCA: true
  commonName: ` + name + `
  secretName: ` + name + `
  issuerRef: {name: ` + name + `-root, kind: Issuer}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ` + name + `}
spec: {ca: {secretName: ` + name + `}}
`
}

func tlsRequest(name, section string) string {
	return `
apiVersion: ops.kubedb.com/v1alpha1
kind: PostgresOpsRequest
metadata: {name: ` + name + `}
spec:
  type: ReconfigureTLS
  databaseRef: {name: pg}
  tls: ` + section + "\n"
}

// put writes a file into the client's pod, readable by nobody else: psql insists on that for keys.
func (c client) put(path, content string) {
	c.t.Helper()
	if out, err := run(content, "-n", c.name, "exec", "-i", "client", "--", "bash", "-c", "umask 077; cat > "+path); err != nil {
		c.t.Fatalf("write %s: %v\n%s", path, err, out)
	}
}

// over runs a statement over TLS with the given sslmode; the files of the client's certificate are those of put.
func (c client) over(l login, mode, statement string) (string, error) {
	dsn := "host=" + l.host + " port=5432 user=" + l.user + " dbname=postgres connect_timeout=10 sslrootcert=/tmp/ca.crt sslmode=" + mode
	if strings.HasSuffix(mode, "+cert") {
		dsn = strings.TrimSuffix(dsn, "+cert") + " sslcert=/tmp/client.crt sslkey=/tmp/client.key"
	}
	out, err := run("", "-n", c.name, "exec", "client", "--", "env", "PGPASSWORD="+l.password, "psql", "-qAtX", dsn, "-c", statement)
	return strings.TrimSpace(out), err
}

// verifies checks that a client that trusts what is published gets in over TLS.
func (c client) verifies(l login, mode string) {
	c.t.Helper()
	c.put("/tmp/ca.crt", c.secret("pg-tls-certs", "ca.crt"))
	c.put("/tmp/client.crt", c.secret("pg-tls-certs", "client.crt"))
	c.put("/tmp/client.key", c.secret("pg-tls-certs", "client.key"))
	if got, err := c.over(l, mode, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); err != nil || got != "t" {
		c.t.Errorf("a client with sslmode %s: %q (%v)", mode, got, err)
	}
}

// TestTLSOfAPostgresIsAddedChangedAndRemovedWhileASessionIsOpen goes through ReconfigureTLS with the real cert-manager.
func TestTLSOfAPostgresIsAddedChangedAndRemovedWhileASessionIsOpen(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	n.apply(authority("ca"))
	n.apply(authority("other"))
	n.apply(postgres("pg", "15.18", 1, ""))
	c := n.newClient("17.11")
	n.ready("postgres/pg")
	l := n.login("pg", "pg."+n.name+".svc", 5432)
	uid := n.field("pod/pg-0", ".metadata.uid")
	session := make(chan string, 1)
	go func() {
		script := `(while [ ! -e /tmp/stop ]; do echo 'select 1;'; sleep 0.2; done) | psql -qAtX -v ON_ERROR_STOP=1 "host=` + l.host +
			` user=postgres dbname=postgres sslmode=disable" > /dev/null && echo never cut`
		out, _ := run("", "-n", n.name, "exec", "client", "--", "env", "PGPASSWORD="+l.password, "bash", "-c", script)
		session <- strings.TrimSpace(out)
	}()
	c.says(l, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query = 'select 1;' AND client_addr IS NOT NULL", "t")

	n.apply(tlsRequest("add", "{issuerRef: {apiGroup: cert-manager.io, kind: Issuer, name: ca}}"))
	n.succeeds("postgresopsrequest/add")
	if warnings := n.field("postgresopsrequest/add", ".status.plan.warnings"); !strings.Contains(warnings, "without TLS") {
		t.Errorf("the plan says nothing of the session without TLS: %q", warnings)
	}
	c.verifies(l, "verify-full")
	if out, err := c.over(l, "disable", "SELECT 1"); err == nil {
		t.Errorf("a client without TLS is let in: %s", out)
	}

	first := n.secret("pg-tls-certs", "server.crt")
	n.apply(tlsRequest("rotate", "{rotateCertificates: true}"))
	n.succeeds("postgresopsrequest/rotate")
	if n.secret("pg-tls-certs", "server.crt") == first {
		t.Error("the certificate was not rotated")
	}
	n.apply(tlsRequest("issuer", "{issuerRef: {apiGroup: cert-manager.io, kind: Issuer, name: other}, clientAuthMode: cert}"))
	n.succeeds("postgresopsrequest/issuer")
	if ca := n.secret("pg-tls-certs", "ca.crt"); ca != n.secret("other", "ca.crt") {
		t.Error("another authority than the new one is still trusted")
	}
	c.verifies(l, "verify-full+cert")
	if out, err := c.over(l, "verify-full", "SELECT 1"); err == nil {
		t.Errorf("a client without a certificate is let in: %s", out)
	}

	n.apply(tlsRequest("nobody", "{issuerRef: {apiGroup: cert-manager.io, kind: Issuer, name: nobody}}"))
	if why := n.fails("postgresopsrequest/nobody"); !strings.Contains(why, "not found") {
		t.Errorf("an unknown issuer: %s", why)
	}
	c.verifies(l, "verify-full+cert")

	n.apply(tlsRequest("remove", "{remove: true}"))
	n.succeeds("postgresopsrequest/remove")
	n.gone("secret/pg-tls-certs")
	if out, err := c.over(l, "disable", "SELECT 1"); err != nil {
		t.Errorf("without TLS nobody is let in: %s", out)
	}
	n.kubectl("exec", "client", "--", "touch", "/tmp/stop")
	if got := <-session; got != "never cut" {
		t.Errorf("the session was cut: %s", got)
	}
	if now := n.field("pod/pg-0", ".metadata.uid"); now != uid {
		t.Error("the pod was restarted")
	}
}
