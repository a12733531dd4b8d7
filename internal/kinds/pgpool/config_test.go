package pgpool

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/golden"
)

var (
	primary = Backend{Host: "pg.data.svc", Port: 5432, Weight: 1, Flag: primaryFlag}
	standby = Backend{Host: "pg-standby.data.svc", Port: 5432, Weight: 1, Flag: standbyFlag}
)

func input(changes ...func(*ConfigInput)) ConfigInput {
	in := ConfigInput{Version: "4.3.5", Backends: []Backend{primary, standby}}
	for _, change := range changes {
		change(&in)
	}
	return in
}

func inline(text string) func(*ConfigInput) {
	return func(in *ConfigInput) { in.Custom.Inline = text }
}

func TestRenderedFiles(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]ConfigInput{
		"default": input(),
		"4.1":     input(func(in *ConfigInput) { in.Version = "4.1.15" }),
		"4.7":     input(func(in *ConfigInput) { in.Version, in.ClientAuthMode = "4.7.0", sharedv1.ClientAuthModeScram }),
		"tls": input(func(in *ConfigInput) {
			in.TLS, in.SSLMode, in.ClientAuthMode = TLS{Serve: true, Verify: true}, sharedv1.SSLModeRequire, sharedv1.ClientAuthModeCert
			in.Custom.Inline = "ssl = off\nssl_ca_cert = '/mine'\nssl_prefer_server_ciphers = on\n"
		}),
		"tls-4.1": input(func(in *ConfigInput) {
			in.Version, in.TLS, in.SSLMode = "4.1.4", TLS{Serve: true, Verify: true}, sharedv1.SSLModePrefer
		}),
		"tls-4.7": input(func(in *ConfigInput) {
			in.Version, in.TLS, in.SSLMode, in.ClientAuthMode = "4.7.3", TLS{Serve: true}, sharedv1.SSLModeVerifyFull, sharedv1.ClientAuthModeScram
		}),
		"tls-upstream": input(func(in *ConfigInput) {
			in.TLS = TLS{Verify: true}
		}),
		"standalone": input(func(in *ConfigInput) {
			in.Backends = []Backend{primary}
		}),
		"user": input(func(in *ConfigInput) {
			in.Custom = custom.Text{
				Secret: "num_init_children = 9 # comment\nmax_pool = 3\nbackend_weight1 = 3\nport = 5433\nbackend_hostname0 = 'elsewhere'\n",
				Inline: "max_pool = 4\nlog_statement = on\nbackend_hostname2 = 'third'\nbackend_port2 = 5432\n",
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Render(in)
			if err != nil {
				t.Fatal(err)
			}
			golden.Text(t, name+".conf", got.Files[ConfFile])
			golden.Text(t, name+".hba", got.Files[HBAFile])
			reread, err := pgconf.Parse(pgconf.Pgpool, got.Files[ConfFile])
			if err != nil || !reread.Equal(got.Effective) {
				t.Errorf("Effective is not what the file says: %v", err)
			}
		})
	}
}

func TestEveryKnownVersionCanBeRendered(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"4.1.4", "4.2.9", "4.3.5", "4.4.5", "4.5.0", "4.6.1", "4.7.0"} {
		if _, err := Render(input(func(in *ConfigInput) { in.Version = version })); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestSettingsWithoutEffectGiveAWarning(t *testing.T) {
	t.Parallel()
	got, err := Render(input(inline("port = 5432\nlog_destination = 'stderr'\nbackend_hostname0 = 'x'\nbackend_weight0 = 2\nbackend_hostname2 = 'y'\n")))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range got.Overridden {
		names = append(names, o.User.Name)
	}
	if strings.Join(names, " ") != "port backend_hostname0 backend_hostname2" {
		t.Errorf("warned about %v", names)
	}
}

func TestWhatPgpoolWouldIgnoreOrDieOfIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*ConfigInput)
		want   string
	}{
		"an unknown parameter":         {inline("\nnum_init_childre = 5\n"), `check pgpool.conf against Pgpool 4.3.5: line 2: num_init_childre = "5": unrecognized parameter; did you mean num_init_children?`},
		"a bad value":                  {inline("num_init_children = many"), `line 1: num_init_children = "many"`},
		"a value out of range":         {inline("port = 99999"), "line 1: port"},
		"a line that is none":          {inline("what is this"), "read pgpool.conf of spec.configuration.inline: line 1"},
		"a bad Secret":                 {func(in *ConfigInput) { in.Custom.Secret = "= 1" }, "read pgpool.conf of the configuration Secret: line 1"},
		"a combination":                {inline("reserved_connections = 9"), "reserved_connections"},
		"a parameter of another age":   {inline("process_management_mode = dynamic"), "line 1"},
		"a flag that is none":          {func(in *ConfigInput) { in.Backends[0].Flag = "it's" }, "check the backends: backend_flag0"},
		"a port that is none":          {func(in *ConfigInput) { in.Backends[0].Port = 70000 }, "check the backends: backend_port0"},
		"a version out of reach":       {func(in *ConfigInput) { in.Version = "3.7.1" }, "3.7.1"},
		"a version that is no version": {func(in *ConfigInput) { in.Version = "new" }, `read the Pgpool version "new" of the catalog`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := Render(input(c.change)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v and %v, want an error that says %q", got.Files, err, c.want)
			}
		})
	}
}

func TestBackendsAreWhatTheUserListsOrPrimaryAndStandbys(t *testing.T) {
	t.Parallel()
	cluster := backend.Server{Host: primary.Host, Port: 5432, StandbyHost: standby.Host}
	alone := backend.Server{Host: primary.Host, Port: 5432}
	reading := cluster
	reading.ReadReplicas = map[string]string{"reports": "pg-rr-reports.data.svc"}
	group := func(name string, weight int32) kubedbv1alpha2.Backend {
		return kubedbv1alpha2.Backend{GroupName: name, Weight: weight}
	}
	for name, c := range map[string]struct {
		listed []kubedbv1alpha2.Backend
		server backend.Server
		want   []Backend
		err    string
	}{
		"nothing listed":                 {nil, cluster, []Backend{primary, standby}, ""},
		"nothing listed of a standalone": {nil, alone, []Backend{primary}, ""},
		"as many shares as there are standbys": {
			nil, backend.Server{Host: primary.Host, Port: 5432, StandbyHost: standby.Host, Standbys: 4},
			[]Backend{primary, {standby.Host, 5432, 4, standbyFlag}}, "",
		},
		"weights": {
			[]kubedbv1alpha2.Backend{group("PRIMARY", 0), group("STANDBY", 5)}, cluster,
			[]Backend{{primary.Host, 5432, 0, primaryFlag}, {standby.Host, 5432, 5, standbyFlag}}, "",
		},
		"standbys that there are not": {[]kubedbv1alpha2.Backend{group("PRIMARY", 1), group("STANDBY", 1)}, alone, []Backend{primary}, ""},
		"a host": {
			[]kubedbv1alpha2.Backend{group("PRIMARY", 1), {HostName: "other", Port: ptr.To[int32](6000), Weight: 2}, {HostName: "third", Weight: 1, Flag: "ALLOW_TO_FAILOVER"}},
			alone, []Backend{primary, {"other", 6000, 2, standbyFlag}, {"third", 5432, 1, "ALLOW_TO_FAILOVER"}}, "",
		},
		"nothing that exists": {[]kubedbv1alpha2.Backend{group("STANDBY", 1)}, alone, nil, "none of spec.configuration.backends exists"},
		"read replicas": {
			[]kubedbv1alpha2.Backend{group("PRIMARY", 1), group("reports", 3), group("STANDBY", 1)}, reading,
			[]Backend{primary, {"pg-rr-reports.data.svc", 5432, 3, standbyFlag}, standby}, "",
		},
		"read replicas only":                  {[]kubedbv1alpha2.Backend{group("reports", 1)}, reading, []Backend{{"pg-rr-reports.data.svc", 5432, 1, standbyFlag}}, ""},
		"read replicas that there are not":    {[]kubedbv1alpha2.Backend{group("PRIMARY", 1), group("reports", 3)}, cluster, []Backend{primary}, ""},
		"no read replicas unless one says so": {nil, reading, []Backend{primary, standby}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := backends(&kubedbv1alpha2.PgpoolConfiguration{Backends: c.listed}, c.server)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("got the error %v, want %q", err, c.err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("backend %d is %v, want %v", i, got[i], c.want[i])
				}
			}
		})
	}
}

func TestABackendThatIsGoneGetsNoMoreReadsAndKeepsItsFlag(t *testing.T) {
	t.Parallel()
	before, err := Render(input())
	if err != nil {
		t.Fatal(err)
	}
	after, err := Render(input(func(in *ConfigInput) {
		in.Backends, in.Former = []Backend{primary}, before.Files[ConfFile]
	}))
	if err != nil {
		t.Fatal(err)
	}
	if weight, _ := after.Effective.Get("backend_weight1"); weight != "0" {
		t.Errorf("the weight of the backend that is gone is %q, want 0", weight)
	}
	if flag, found := after.Effective.Get("backend_flag1"); found {
		t.Errorf("its flag became %s", flag)
	}
}
