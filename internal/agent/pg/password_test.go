package pg_test

import (
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/pg"
)

func TestAStoredVerifierIsRecognised(t *testing.T) {
	t.Parallel()
	// The example of RFC 7677 as PostgreSQL stores it, and what it stores for the same under password_encryption = md5.
	const (
		scram = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
		md5   = "md520c46e3762c864548e296b33c3406aa9"
	)
	rows := []struct {
		name, stored string
		admin        pg.Admin
		want         bool
	}{
		{"SCRAM, the right password", scram, pg.Admin{User: "user", Password: "pencil"}, true},
		{"SCRAM, whatever the user is called", scram, pg.Admin{User: "another", Password: "pencil"}, true},
		{"SCRAM, another password", scram, pg.Admin{User: "user", Password: "pen"}, false},
		{"md5, the right password", md5, pg.Admin{User: "user", Password: "pencil"}, true},
		{"md5, of another user", md5, pg.Admin{User: "another", Password: "pencil"}, false},
		{"md5, another password", md5, pg.Admin{User: "user", Password: "pen"}, false},
		{"no password", "", pg.Admin{User: "user", Password: "pencil"}, false},
		{"something else", "SCRAM-SHA-512$x", pg.Admin{User: "user", Password: "pencil"}, false},
		{"half a verifier", "SCRAM-SHA-256$4096:W22Z", pg.Admin{User: "user", Password: "pencil"}, false},
		{"an absurd verifier", "SCRAM-SHA-256$0:W22Z$a:b", pg.Admin{User: "user", Password: "pencil"}, false},
		{"a salt that is none", "SCRAM-SHA-256$4096:!!$a:b", pg.Admin{User: "user", Password: "pencil"}, false},
	}
	for _, row := range rows {
		if got := pg.Matches(row.stored, row.admin); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

func TestANewVerifierIsSaltedAndMatches(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"simple", "pässwörd", "with 'quotes' and \"more\"", "a\u00a0b", "\u0627\u0031", "\xff\xfe"} {
		admin := pg.Admin{User: "user", Password: password}
		one, err := pg.Verifier(admin)
		if err != nil {
			t.Fatalf("%q: %v", password, err)
		}
		two, err := pg.Verifier(admin)
		if err != nil || one == two {
			t.Errorf("%q: the same verifier twice (%v)", password, err)
		}
		if !strings.HasPrefix(one, "SCRAM-SHA-256$4096:") || !pg.Matches(one, admin) || !pg.Matches(two, admin) {
			t.Errorf("%q: %s does not match", password, one)
		}
		if pg.Matches(one, pg.Admin{User: "user", Password: password + "x"}) {
			t.Errorf("%q: another password matches", password)
		}
	}
}
