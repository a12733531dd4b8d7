package hba_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/matriarchdb/matriarch/internal/conf/hba"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// TestPostgresAgreesAboutLines shows a real PostgreSQL the same lines: what it
// refuses, Parse refuses as well, and it accepts what Print prints.
func TestPostgresAgreesAboutLines(t *testing.T) {
	t.Parallel()
	dir := testserver.Dir(t)
	all := []string{hba.All}
	var good []hba.Rule
	for _, rule := range []hba.Rule{
		{Type: hba.Local, Method: hba.Trust},
		{Type: hba.Local, Method: "peer", Options: []string{"map=a b"}},
		{Type: hba.HostSSL, Address: "10.0.0.0/8", Method: hba.SCRAM, Options: []string{"clientcert=verify-full"}},
		{Type: hba.HostSSL, Address: hba.All, Method: hba.Cert, Options: []string{"map=x", "clientname=DN"}},
		{Type: hba.HostNoSSL, Address: "::/0", Method: hba.Reject},
		{Type: hba.HostGSSEnc, Address: "samehost", Method: "gss", Options: []string{"include_realm=0"}},
		{Type: hba.HostNoGSSEnc, Address: ".example.com", Method: hba.MD5},
		{Type: hba.Host, Address: "samenet", Method: "ldap", Options: []string{"ldapserver=a b", "ldapprefix=uid=", `ldapsuffix=, dc="x"`}},
		{Type: hba.Host, Address: "db.example.com", Method: "radius", Options: []string{"radiusservers=10.0.0.1", "radiussecrets=x"}},
		{Type: hba.Host, Address: "1.2.3.4/32", Method: "password"},
		{Type: hba.Host, Address: "1.2.3.4/32", Method: "pam", Options: []string{"pamservice=x"}},
	} {
		for _, databases := range [][]string{all, {"sameuser"}, {hba.Literal("all"), hba.Literal(`a "b", c`)}} {
			for _, users := range [][]string{all, {"+ops", hba.Literal("+ops")}, {hba.Literal("@x"), hba.Literal("ä b#")}} {
				rule.Databases, rule.Users = databases, users
				good = append(good, rule)
			}
		}
	}
	text, err := hba.Print(hba.PostgreSQL, good)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range refused {
		if test.dialects == nil || slices.Contains(test.dialects, hba.PostgreSQL) {
			text += test.line + "\n"
		}
	}
	conn := testserver.PostgresAt(t, dir, "-c", "hba_file="+testserver.Write(t, filepath.Join(dir, "first.conf"), "local all all trust\n"))
	testserver.Write(t, filepath.Join(dir, "first.conf"), "local all all trust\n"+text)
	errors := map[int]string{}
	rows, err := conn.Query(context.Background(), "SELECT line_number, coalesce(error, '') FROM pg_hba_file_rules")
	if err != nil {
		t.Fatal(err)
	}
	var line int
	var message string
	if _, err := pgx.ForEachRow(rows, []any{&line, &message}, func() error {
		if strings.HasSuffix(message, "because SSL is disabled") {
			message = "" // the line itself is fine
		}
		errors[line] = message
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		message, read := errors[i+2] // the first line is not of text
		if !read {
			t.Errorf("%s: PostgreSQL did not see it", line)
		}
		bad := i - len(good)
		switch {
		case bad < 0 && message != "":
			t.Errorf("PostgreSQL refuses %s: %s", line, message)
		case bad >= 0 && message == "" && !stricter(line):
			t.Errorf("PostgreSQL accepts %s", line)
		}
	}
}

func stricter(line string) bool {
	for _, test := range refused {
		if test.line == line {
			return test.stricter
		}
	}
	return false
}
