package pgbouncer

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/golden"
)

func input(changes ...func(*ConfigInput)) ConfigInput {
	in := ConfigInput{
		Version: "1.18.0", Port: 5432, AdminUser: "pgbouncer", Pool: poolSettings(nil),
		Upstream: Upstream{Host: "pg.data.svc", Port: 5432, Database: "app"},
	}
	for _, change := range changes {
		change(&in)
	}
	return in
}

func TestRenderedFiles(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]ConfigInput{
		"default.ini": input(),
		"pool.ini": input(func(in *ConfigInput) {
			in.Port = 6432
			in.Upstream.SSLMode = "require"
			in.Pool = poolSettings(&kubedbv1.ConnectionPool{
				PoolMode: kubedbv1.PoolModeTransaction, AuthType: kubedbv1.PgBouncerAuthTypeScram,
				MaxClientConnections: ptr.To[int64](500), DefaultPoolSize: ptr.To[int64](7), MinPoolSize: ptr.To[int64](0),
				ReservePoolSize: ptr.To[int64](2), ReservePoolTimeoutSeconds: ptr.To[int64](3),
				MaxDBConnections: ptr.To[int64](40), MaxUserConnections: ptr.To[int64](30), StatsPeriodSeconds: ptr.To[int64](10),
				IgnoreStartupParameters: "search_path",
			})
		}),
		"tls.ini": input(func(in *ConfigInput) {
			in.TLS, in.SSLMode = true, sharedv1.SSLModeVerifyFull
			in.Upstream.SSLMode, in.Upstream.CA, in.Upstream.Certificate = "verify-full", true, true
			in.Custom.Inline = "client_tls_sslmode = disable\nclient_tls_protocols = tlsv1.3\n"
		}),
		"tls-upstream.ini": input(func(in *ConfigInput) {
			in.Version, in.Upstream.SSLMode, in.Upstream.CA = "1.26.1", "verify-ca", true
			in.Custom.Inline = "client_tls_sslmode = require\nclient_tls_cert_file = /mine/crt\nclient_tls_key_file = /mine/key\n"
		}),
		"peers.ini": input(func(in *ConfigInput) {
			in.Version, in.Port, in.Peers = "1.24.1", 6432, []string{"pb-0.pb-pods.demo.svc", "pb-1.pb-pods.demo.svc"}
			in.Custom.Inline = "peer_id = 7\n"
		}),
		"tls-oldest.ini": input(func(in *ConfigInput) {
			in.Version, in.TLS, in.SSLMode = "1.15.0", true, sharedv1.SSLModeRequire
			in.Upstream.SSLMode = "prefer"
		}),
		"user.ini": input(func(in *ConfigInput) {
			in.Pool = poolSettings(&kubedbv1.ConnectionPool{PoolMode: kubedbv1.PoolModeStatement})
			in.Custom = custom.Text{
				Secret: "pool_mode = session\nserver_lifetime = 60\nadmin_users = alice, pgbouncer, bob\nlogfile = /tmp/x.log\n" +
					"[users]\nalice = pool_mode=transaction\n",
				Inline: "[pgbouncer]\npool_mode = transaction\nlisten_port = 1\nserver_tls_sslmode = prefer\n",
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Render(in)
			if err != nil {
				t.Fatal(err)
			}
			golden.Text(t, name, got.Files[ConfFile])
			reread, err := ini.Parse(got.Files[ConfFile])
			if err != nil {
				t.Fatal(err)
			}
			for _, section := range []string{ini.Databases, ini.Peers, ini.Users, ini.PgBouncer} {
				if !reread.Section(section).Equal(got.Effective.Section(section)) {
					t.Errorf("[%s] of Effective is not what the file says", section)
				}
			}
		})
	}
}

func TestEveryKnownVersionCanBeRendered(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.15.0", "1.16.1", "1.17.0", "1.18.0", "1.21.0", "1.23.1", "1.24.1", "1.26.0"} {
		if _, err := Render(input(func(in *ConfigInput) { in.Version = version })); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestOnlySeveralMembersOfAVersionThatCanPassOnCancelsArePeers(t *testing.T) {
	t.Parallel()
	both := []string{"pb-0.pb-pods.demo.svc", "pb-1.pb-pods.demo.svc"}
	for _, c := range []struct {
		version string
		peers   []string
		want    int
	}{{"1.18.0", both, 0}, {"1.19.0", both, 2}, {"1.26.1", both[:1], 0}, {"1.26.1", both, 2}} {
		got, err := Render(input(func(in *ConfigInput) { in.Version, in.Peers = c.version, c.peers }))
		if err != nil {
			t.Fatal(err)
		}
		if n := got.Effective.Section(ini.Peers).Len(); n != c.want {
			t.Errorf("%d members of version %s: %d peers, want %d", len(c.peers), c.version, n, c.want)
		}
	}
}

func TestSettingsThatThePodStandsOnGiveAWarning(t *testing.T) {
	t.Parallel()
	got, err := Render(input(func(in *ConfigInput) {
		in.Custom.Inline = "auth_file = /tmp/mine\nlogfile = /tmp/log\nlisten_addr = *\nadmin_users = bob\nserver_lifetime = 60\n"
	}))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range got.Overridden {
		names = append(names, o.User.Name)
	}
	if strings.Join(names, " ") != "auth_file logfile" {
		t.Errorf("warned about %v, want auth_file and logfile", names)
	}
}

func TestWhatPgBouncerWouldRefuseIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	text := func(s string) func(*ConfigInput) { return func(in *ConfigInput) { in.Custom.Inline = s } }
	for name, c := range map[string]struct {
		change func(*ConfigInput)
		want   string
	}{
		"an unknown parameter":     {text("[pgbouncer]\npool_mod = session\n"), `line 2: [pgbouncer] pool_mod = "session": unrecognized parameter; did you mean pool_mode?`},
		"a bad value":              {text("pool_mode = sometimes"), `line 1: [pgbouncer] pool_mode = "sometimes"`},
		"a line that is none":      {text("[pgbouncer]\nwhat is this\n"), "read pgbouncer.ini of spec.configuration.inline: line 2"},
		"an unknown section":       {text("[servers]\n"), "line 1"},
		"an include":               {text("%include /etc/passwd\n"), "line 1"},
		"another database":         {text("[databases]\nother = host=elsewhere\n"), "remove the section [databases] and set spec.database"},
		"peers":                    {text("[peers]\n1 = host=elsewhere\n"), "the peers of a PgBouncer are its replicas; remove the section [peers]"},
		"a bad Secret":             {func(in *ConfigInput) { in.Custom.Secret = "x y" }, "read pgbouncer.ini of the configuration Secret: line 1"},
		"a bad pool":               {func(in *ConfigInput) { in.Pool.Set("default_pool_size", "-x") }, "check spec.connectionPool against PgBouncer 1.18.0"},
		"a newer parameter":        {text("server_login_retry = 1\npeer_id = 2\n"), "line 2"},
		"a version out of reach":   {func(in *ConfigInput) { in.Version = "1.2.3" }, "1.2.3"},
		"a database with a slash":  {func(in *ConfigInput) { in.Upstream.Database = "a/b" }, "cannot read this name"},
		"no database":              {func(in *ConfigInput) { in.Upstream.Database = "" }, "database"},
		"a host with a line break": {func(in *ConfigInput) { in.Upstream.Host = "a\nb" }, "host"},
		"a comma in the admin":     {func(in *ConfigInput) { in.AdminUser = "a,b" }, `the administrator "a,b"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := Render(input(c.change)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v and %v, want an error that says %q", got.Files, err, c.want)
			}
		})
	}
}

func TestListedStartupParametersAreAddedToTheOneThatJDBCSends(t *testing.T) {
	t.Parallel()
	for listed, want := range map[string]string{
		"":                                "",
		"search_path":                     "extra_float_digits, search_path",
		"search_path, extra_float_digits": "search_path, extra_float_digits",
		"extra_float_digits_2":            "extra_float_digits, extra_float_digits_2",
	} {
		if got := ignored(listed); got != want {
			t.Errorf("%q: got %q, want %q", listed, got, want)
		}
	}
}

func TestAUserlistReadsBack(t *testing.T) {
	t.Parallel()
	users := userSecrets{"plain": "md5x", `qu"ote`: `a""b"`, "two words": " ", "back\\slash": `\`, `"`: `"`}
	got := parseUserlist(userlist(users) + "garbage\n\"half\n\"no secret\"\n\"x\" \"y\" z\n")
	if len(got) != len(users) {
		t.Errorf("got %v", got)
	}
	for name, secret := range users {
		if got[name] != secret {
			t.Errorf("%q: got %q, want %q", name, got[name], secret)
		}
	}
}

func TestAVerifierDependsOnWhoAndOnThePasswordOnly(t *testing.T) {
	t.Parallel()
	of := func(uid, user, password string) string {
		v, err := verifier(uid, user, password)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	salt := func(v string) string { return strings.Split(strings.TrimPrefix(v, "SCRAM-SHA-256$4096:"), "$")[0] }
	v := of("u", "admin", "secret")
	if v != of("u", "admin", "secret") {
		t.Error("two verifiers of one user differ")
	}
	if salt(v) != salt(of("u", "admin", "other")) {
		t.Error("the salt tells something about the password")
	}
	if salt(v) == salt(of("u2", "admin", "secret")) || salt(v) == salt(of("u", "admin2", "secret")) {
		t.Error("two users share a salt")
	}
	if v == of("u", "admin", "other") {
		t.Error("two passwords have one verifier")
	}
	of("u", "admin", "a\x07b") // SASLprep refuses it, libpq does not
}
