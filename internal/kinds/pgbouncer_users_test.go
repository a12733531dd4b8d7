package kinds_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

func TestAUserlistFollowsSecretsAndRoles(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	w := newWorld(t, local(pg.Port), pg.Password)
	pg.Exec(t, "CREATE ROLE alice LOGIN PASSWORD 'a'", "CREATE ROLE bob LOGIN PASSWORD 'b'", "CREATE ROLE unlisted LOGIN PASSWORD 'u'")
	bob := w.synced("bob", "b")
	w.create(w.synced("alice", "a"), bob, w.synced("roleless", "r"), w.synced("pgbouncer", "takeover"))
	userlist := func() string { return string(w.build(w.pgbouncer()).Secrets[0].Data[naming.PgBouncerUsers]) }
	first := userlist()
	if got := names([]byte(first), " "); got != "alice bob pgbouncer postgres" {
		t.Errorf("got %s", got)
	}
	stored, err := pg.As("postgres", pg.Password).Ask(t.Context(), "postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'alice'")
	if err != nil || !strings.Contains(first, `"alice" "`+stored+`"`) {
		t.Errorf("alice's secret is not the one that PostgreSQL stores: %v\n%s", err, first)
	}
	if again := userlist(); again != first {
		t.Errorf("nothing changed, and yet:\n%s", again)
	}
	w.remove(bob)
	if got := names([]byte(userlist()), " "); got != "alice pgbouncer postgres" {
		t.Errorf("without bob's Secret: got %s", got)
	}
	pg.Exec(t, "DROP ROLE alice")
	if got := names([]byte(userlist()), " "); got != "pgbouncer postgres" {
		t.Errorf("without alice's role: got %s", got)
	}
}

func TestAProbeNoticesARoleThatChangedInPostgreSQL(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	w := newWorld(t, local(pg.Port), pg.Password)
	pg.Exec(t, "CREATE ROLE alice LOGIN PASSWORD 'a'")
	w.create(w.synced("alice", "a"))
	kind, g, err := w.gather(w.pgbouncer())
	if err != nil {
		t.Fatal(err)
	}
	before := probed(t.Context(), kind, g)
	if again := probed(t.Context(), kind, g); again != before {
		t.Error("nothing changed, and yet the fingerprint did")
	}
	pg.Exec(t, "ALTER ROLE alice PASSWORD 'b'")
	if probed(t.Context(), kind, g) == before {
		t.Error("alice's new password goes unnoticed")
	}
	pg.Kill()
	if got := probed(t.Context(), kind, g); got != before {
		t.Error("a server that is away looks like a change of its users")
	}
}

func TestAPgBouncerCanBeChangedWhileItsPostgresIsAway(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	w := newWorld(t, local(pg.Port), pg.Password)
	pg.Exec(t, "CREATE ROLE alice LOGIN PASSWORD 'a'", "CREATE ROLE bob LOGIN PASSWORD 'b'")
	bob := w.synced("bob", "b")
	w.create(w.synced("alice", "a"), bob)
	d := w.build(w.pgbouncer())
	if d.Recheck != 0 {
		t.Errorf("the server answers, and yet it is to be asked again in %s", d.Recheck)
	}
	pg.Kill()

	_, _, err := w.gather(w.pgbouncer())
	waiting, ok := errors.AsType[*database.Waiting](err)
	if !ok || waiting.Recheck <= 0 || !strings.Contains(waiting.What, "the Postgres of AppBinding "+w.ns+"/pg") {
		t.Fatalf("without a userlist: got %v, want to wait and to ask again", err)
	}

	userlist := d.Secrets[0]
	w.create(userlist)
	before := string(userlist.Data[naming.PgBouncerUsers])
	d = w.build(w.pgbouncer())
	if got := string(d.Secrets[0].Data[naming.PgBouncerUsers]); got != before {
		t.Errorf("got\n%swant what is in force:\n%s", got, before)
	}
	if d.Recheck <= 0 {
		t.Error("the server is not asked again")
	}
	w.remove(bob)
	w.create(w.synced("carol", "c"))
	if got := names(w.build(w.pgbouncer()).Secrets[0].Data[naming.PgBouncerUsers], " "); got != "alice pgbouncer postgres" {
		t.Errorf("got %s, want those who are known and still wanted", got)
	}
}
