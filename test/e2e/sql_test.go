//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/matriarchdb/matriarch/test/traffic"
)

// client is a pod with psql in it, which is where SQL comes from.
type client struct{ namespace }

// newClient starts the pod with the image of the given PostgresVersion. Secrets of certificates appear in it as they come.
func (n namespace) newClient(version string, secrets ...string) client {
	n.t.Helper()
	image := n.kubectl("get", "postgresversion", version, "-o", "jsonpath={.spec.db.image}")
	user := n.kubectl("get", "postgresversion", version, "-o", "jsonpath={.spec.securityContext.runAsUser}")
	n.apply(traffic.Manifest(image, user, secrets...))
	n.has("pod/"+traffic.Pod, ".status.phase", "Running")
	return client{n}
}

// login is where to connect, and as whom.
type login struct {
	host, user, password, database string
	port                           int
}

// login reads the credentials of the administrator of a Postgres.
func (n namespace) login(postgres, host string, port int) login {
	n.t.Helper()
	return login{
		host: host, port: port, database: "postgres",
		user:     n.secret(postgres+"-auth", "username"),
		password: n.secret(postgres+"-auth", "password"),
	}
}

// secret reads one key of a Secret.
func (n namespace) secret(name, key string) string {
	n.t.Helper()
	encoded := n.kubectl("get", "secret", name, "-o", "go-template={{index .data \""+key+"\"}}")
	value, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		n.t.Fatalf("Secret %s, key %s: %v", name, key, err)
	}
	return string(value)
}

// sql runs a statement and returns its unaligned output.
func (c client) sql(l login, statement string) (string, error) {
	out, err := run("", "-n", c.name, "exec", "client", "--", "env", "PGPASSWORD="+l.password, "PGCONNECT_TIMEOUT=30",
		"psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-h", l.host, "-p", fmt.Sprint(l.port), "-U", l.user, "-d", l.database, "-c", statement)
	return strings.TrimSpace(out), err
}

// mustSQL runs a statement that has to succeed.
func (c client) mustSQL(l login, statement string) string {
	c.t.Helper()
	out, err := c.sql(l, statement)
	if err != nil {
		c.t.Fatalf("%s on %s:%d as %s: %v\n%s", statement, l.host, l.port, l.user, err, out)
	}
	return out
}

// says waits until a statement answers the value.
func (c client) says(l login, statement, value string) {
	c.t.Helper()
	c.eventually(statement+" says "+value, func() string {
		if got, err := c.sql(l, statement); err != nil || got != value {
			return fmt.Sprintf("it says %q (%v)", got, err)
		}
		return ""
	})
}
