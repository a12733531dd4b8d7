//go:build e2e

package e2e

import (
	"fmt"
	"strings"
)

// cancels runs queries through the pooler and has psql cancel each over a new connection, which the Service may lead to
// another pod than the query's: with two pods one of 32 tries would succeed by chance alone.
func (c client) cancels(through login, postgres string) {
	c.t.Helper()
	const queries = 6
	psql := func(host, statement string) string {
		return fmt.Sprintf(`psql -qAtX -h %s -U %s -d %s -c "%s"`, host, through.user, through.database, statement)
	}
	script := fmt.Sprintf(`
for i in $(seq %d); do %s >/tmp/cancelled.$i 2>&1 & done
until [ "$(%s)" = %d ]; do sleep 0.1; done
kill -INT $(jobs -p)
wait
cat /tmp/cancelled.*
`, queries, psql(through.host, "select pg_sleep(300), 'the one'"),
		psql(postgres, "select count(*) from pg_stat_activity where state = 'active' and query like '%the one%' and pid <> pg_backend_pid()"), queries)
	out, err := run("", "-n", c.name, "exec", "client", "--", "env", "PGPASSWORD="+through.password, "timeout", "60", "sh", "-c", script)
	if got := strings.Count(out, "canceling statement due to user request"); got != queries {
		c.t.Errorf("%d of %d queries were cancelled (%v):\n%s", got, queries, err, out)
	}
}
