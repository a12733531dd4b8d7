package hba_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/hba"
)

func TestRulesArePrintedInOrder(t *testing.T) {
	t.Parallel()
	all := []string{hba.All}
	got, err := hba.Print(hba.PostgreSQL, []hba.Rule{
		{Type: hba.Local, Databases: all, Users: all, Method: hba.Trust},
		{Type: hba.HostSSL, Databases: []string{"replication"}, Users: []string{hba.Literal("my repl")}, Address: "10.0.0.0/8", Method: hba.SCRAM, Options: []string{"clientcert=verify-full"}},
		{Type: hba.Host, Databases: []string{hba.Literal("all"), "app"}, Users: []string{"+ops"}, Address: "::/0", Method: hba.MD5},
		{Type: hba.Host, Databases: all, Users: all, Address: hba.All, Method: "ldap", Options: []string{"ldapserver=a b", `ldapprefix=x`}},
	})
	want := `local all all trust
hostssl replication "my repl" 10.0.0.0/8 scram-sha-256 clientcert=verify-full
host "all",app +ops ::/0 md5
host all all all ldap "ldapserver=a b" ldapprefix=x
`
	if err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestARuleThatTheServerWouldRefuseIsNotPrinted(t *testing.T) {
	t.Parallel()
	good := hba.Rule{Type: hba.Host, Databases: []string{"all"}, Users: []string{"all"}, Address: "all", Method: hba.MD5}
	for reason, spoil := range map[string]func(*hba.Rule){
		"no user":           func(r *hba.Rule) { r.Users = nil },
		"unknown type":      func(r *hba.Rule) { r.Type = "hosts" },
		"line feed":         func(r *hba.Rule) { r.Method = "md5\nlocal all all trust" },
		"no address":        func(r *hba.Rule) { r.Address = "" },
		"an unquoted blank": func(r *hba.Rule) { r.Users = []string{"a b"} },
	} {
		bad := good
		spoil(&bad)
		text, err := hba.Print(hba.PostgreSQL, []hba.Rule{good, bad})
		var problems conf.Problems
		if text != "" || !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line != 2 {
			t.Errorf("%s: got %q, %v", reason, text, err)
		}
	}
}

func TestLiteralNamesAreNeverKeywords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"bob": "bob", "all": `"all"`, "replication": `"replication"`, "sameuser": `"sameuser"`, "samerole": `"samerole"`, "": `""`,
		"+ops": `"+ops"`, "@file": `"@file"`, "/regex": `"/regex"`, "a b": `"a b"`, "a,b": `"a,b"`, `say "hi"`: `"say ""hi"""`, "a#b": `"a#b"`,
	} {
		if got := hba.Literal(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestParseReadsRules(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{
		"# TYPE DATABASE USER ADDRESS METHOD",
		"",
		"local\tall all  trust # a comment",
		`hostssl a, "b c",d bob,"+x" 10.1.2.3/32 cert map=m clientname=DN`,
		"host all all 192.168.0.0 255.255.0.0 md5",
		"host all all .example.com scram-sha-256\r",
		"hostnossl all all samenet reject",
	}, "\n")
	want := []hba.Rule{
		{Type: "local", Databases: []string{"all"}, Users: []string{"all"}, Method: "trust", Line: 3},
		{Type: "hostssl", Databases: []string{"a", `"b c"`, "d"}, Users: []string{"bob", `"+x"`}, Address: "10.1.2.3/32", Method: "cert", Options: []string{"map=m", "clientname=DN"}, Line: 4},
		{Type: "host", Databases: []string{"all"}, Users: []string{"all"}, Address: "192.168.0.0/16", Method: "md5", Line: 5},
		{Type: "host", Databases: []string{"all"}, Users: []string{"all"}, Address: ".example.com", Method: "scram-sha-256", Line: 6},
		{Type: "hostnossl", Databases: []string{"all"}, Users: []string{"all"}, Address: "samenet", Method: "reject", Line: 7},
	}
	got, err := hba.Parse(hba.PostgreSQL, text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// refused are lines that Parse refuses in both dialects unless named.
var refused = []struct {
	reason, line, message string
	dialects              []hba.Dialect
	// stricter marks what the server accepts.
	stricter bool
}{
	{reason: "unknown type", line: "hosts all all all md5", message: `unknown connection type "hosts"`},
	{reason: "two types", line: "host,local all all all md5", message: "unknown connection type"},
	{reason: "no user", line: "local all", message: "expected: local DATABASE USER METHOD"},
	{reason: "no method for a socket", line: "local all all", message: "expected: local DATABASE USER METHOD"},
	{reason: "no address", line: "host all all md5", message: "expected: host DATABASE USER ADDRESS METHOD"},
	{reason: "no mask", line: "host all all 10.0.0.1 md5", message: "10.0.0.1/32 is this one host"},
	{reason: "mask without method", line: "host all all 10.0.0.0 255.0.0.0", message: "the method is missing"},
	{reason: "two addresses", line: "host all all 10.0.0.0/8,11.0.0.0/8 md5", message: "one address per rule"},
	{reason: "too many bits", line: "host all all 10.0.0.0/33 md5", message: "not a network in CIDR notation"},
	{reason: "a name with bits", line: "host all all example.com/8 md5", message: "not a network in CIDR notation"},
	{reason: "unknown method", line: "local all all secret", message: `unknown method "secret"; allowed: trust`},
	{reason: "two methods", line: "local all all md5,trust", message: `unknown method "md5,trust"`},
	{reason: "an option without a value", line: "local all all pam service", message: "not of the form name=value"},
	{reason: "an option that the method lacks", line: "local all all md5 ldapserver=x", message: `the method md5 has no option "ldapserver"`},
	{reason: "cert without TLS", line: "host all all all cert", message: "the method cert needs hostssl"},
	{reason: "an open quote", line: `local "all all trust`, message: "double quote is not closed", stricter: true},
	{reason: "a list that ends with a comma", line: "local all all trust,", message: "a list ends with a comma", stricter: true},
	{reason: "an included file", line: "include other.conf", message: "not allowed here", stricter: true},
	{reason: "a file of names", line: "local @dbs all trust", message: "would read a file", stricter: true},
	{reason: "a very long name", line: "local all " + strings.Repeat("x", 300) + " trust", message: "longer than the 255 bytes", stricter: true},
	{reason: "peer over TCP", line: "host all all all peer", message: "the method peer needs local", dialects: []hba.Dialect{hba.PostgreSQL}},
	{reason: "gss over a socket", line: "local all all gss", message: "does not work for local", dialects: []hba.Dialect{hba.PostgreSQL}},
	{reason: "clientcert without TLS", line: "host all all all md5 clientcert=verify-ca", message: "can only be asked for with hostssl", dialects: []hba.Dialect{hba.PostgreSQL}},
	{reason: "hostgssenc in Pgpool-II", line: "hostgssenc all all all trust", message: "unknown connection type", dialects: []hba.Dialect{hba.Pgpool}},
	{reason: "peer in Pgpool-II", line: "local all all peer", message: `unknown method "peer"`, dialects: []hba.Dialect{hba.Pgpool}},
	{reason: "a role's members in Pgpool-II", line: "local all +ops trust", message: "would skip a rule", dialects: []hba.Dialect{hba.Pgpool}},
	{reason: "samerole in Pgpool-II", line: "local samerole all trust", message: "would skip a rule", dialects: []hba.Dialect{hba.Pgpool}},
	{reason: "clientcert in Pgpool-II", line: "hostssl all all all md5 clientcert=verify-ca", message: `no option "clientcert"`, dialects: []hba.Dialect{hba.Pgpool}},
}

func TestParseNamesEveryBadLine(t *testing.T) {
	t.Parallel()
	for _, test := range refused {
		dialects := test.dialects
		if dialects == nil {
			dialects = []hba.Dialect{hba.PostgreSQL, hba.Pgpool}
		}
		for _, d := range dialects {
			rules, err := hba.Parse(d, "local all all trust\n"+test.line)
			var problems conf.Problems
			if rules != nil || !errors.As(err, &problems) || len(problems) != 1 {
				t.Errorf("%s: got %v, %v", test.reason, rules, err)
				continue
			}
			if p := problems[0]; p.Line != 2 || p.Text != test.line || !strings.Contains(p.Message, test.message) {
				t.Errorf("%s: got %s", test.reason, p)
			}
		}
	}
}

func FuzzAcceptedRulesArePrintedAndReadBack(f *testing.F) {
	for _, seed := range []string{
		"local all all trust", `hostssl "a b",c +d 10.0.0.0/8 cert map=x`, "host all all ::1 ffff:: md5", `host "a""b" all all ldap "ldapserver=a b"`,
		"host a ,b all md5", `local "" "" trust`, "host all all .x md5",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range []hba.Dialect{hba.PostgreSQL, hba.Pgpool} {
			rules, err := hba.Parse(d, text)
			if err != nil {
				continue
			}
			printed, err := hba.Print(d, rules)
			if err != nil {
				t.Fatalf("%q was accepted and cannot be printed: %v", text, err)
			}
			back, err := hba.Parse(d, printed)
			if err != nil {
				t.Fatalf("%q was printed as %q: %v", text, printed, err)
			}
			for i := range rules {
				rules[i].Line, back[i].Line = 0, 0
			}
			if diff := cmp.Diff(rules, back); diff != "" {
				t.Fatalf("%q was printed as %q: %s", text, printed, diff)
			}
		}
	})
}
