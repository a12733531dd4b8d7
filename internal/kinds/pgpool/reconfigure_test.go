package pgpool

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
)

func specOf(secret, inline string, backends ...kubedbv1alpha2.Backend) *kubedbv1alpha2.PgpoolConfiguration {
	c := &kubedbv1alpha2.PgpoolConfiguration{
		ConfigurationSpec: sharedv1.ConfigurationSpec{SecretName: secret}, Backends: backends,
	}
	if inline != "" {
		c.Inline = map[string]string{ConfFile: inline}
	}
	return c
}

func withBackend(change opsv1alpha1.BackendChange) *opsv1alpha1.PgpoolReconfigurationSpec {
	return &opsv1alpha1.PgpoolReconfigurationSpec{Backend: &change}
}

func TestReconfigureChangesTheSpec(t *testing.T) {
	t.Parallel()
	primary := kubedbv1alpha2.Backend{GroupName: "PRIMARY", Weight: 1}
	standby := kubedbv1alpha2.Backend{GroupName: "STANDBY", Weight: 1}
	heavy := kubedbv1alpha2.Backend{GroupName: "STANDBY", Weight: 5}
	foreign := kubedbv1alpha2.Backend{HostName: "pg.example.org", Port: ptr.To[int32](5433), Weight: 2}
	cases := map[string]struct {
		before *kubedbv1alpha2.PgpoolConfiguration
		change database.ConfigChange
		after  *kubedbv1alpha2.PgpoolConfiguration
	}{
		"a first Secret": {
			nil, database.ConfigChange{SecretName: "new"}, specOf("new", ""),
		},
		"another Secret leaves what was applied": {
			specOf("old", "max_pool = 4\n"), database.ConfigChange{SecretName: "new"}, specOf("new", "max_pool = 4\n"),
		},
		"applied settings are merged by name": {
			specOf("old", "max_pool = 4\nport = 1\n"),
			database.ConfigChange{Apply: map[string]string{ConfFile: "max_pool=9\nnum_init_children=6"}},
			specOf("old", "max_pool = 9\nport = 1\nnum_init_children = 6\n"),
		},
		"removed": {
			specOf("old", "max_pool = 4\n", primary), database.ConfigChange{Remove: true}, nil,
		},
		"removed and set anew": {
			specOf("old", "max_pool = 4\n", primary),
			database.ConfigChange{Remove: true, SecretName: "new", Apply: map[string]string{ConfFile: "port = 1\n"}},
			specOf("new", "port = 1\n"),
		},
		"backends added, changed and taken away": {
			specOf("", "", primary, standby),
			database.ConfigChange{Section: withBackend(opsv1alpha1.BackendChange{
				Sync: []kubedbv1alpha2.Backend{heavy, foreign}, Delete: []string{"PRIMARY"},
			})},
			specOf("", "", heavy, foreign),
		},
		"a change of the backends that there are without a list": {
			nil,
			database.ConfigChange{Section: withBackend(opsv1alpha1.BackendChange{Sync: []kubedbv1alpha2.Backend{heavy}})},
			specOf("", "", primary, heavy),
		},
		"the last backend taken away": {
			specOf("", "", primary),
			database.ConfigChange{Section: withBackend(opsv1alpha1.BackendChange{Delete: []string{"PRIMARY"}})}, nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := &kubedbv1alpha2.Pgpool{Spec: kubedbv1alpha2.PgpoolSpec{Configuration: tc.before}}
			untouched := pool.DeepCopy()
			out, err := operations{}.Reconfigure(instance{pool}, tc.change)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.after, of(out).Spec.Configuration); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(untouched, pool); diff != "" {
				t.Errorf("the original was changed: %s", diff)
			}
		})
	}
}

func TestReconfigureRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change database.ConfigChange
		says   string
	}{
		"nothing":            {database.ConfigChange{}, "at least one of"},
		"an empty section":   {database.ConfigChange{Section: &opsv1alpha1.PgpoolReconfigurationSpec{}}, "at least one of"},
		"another file":       {database.ConfigChange{Apply: map[string]string{"postgresql.conf": "a=1"}}, `"postgresql.conf", which is no file of Pgpool; the key is 'pgpool.conf'`},
		"unreadable text":    {database.ConfigChange{Apply: map[string]string{ConfFile: "max_pool = 'x"}}, "applyConfig"},
		"a backend of both":  {database.ConfigChange{Section: withBackend(opsv1alpha1.BackendChange{Sync: []kubedbv1alpha2.Backend{{GroupName: "a", HostName: "b"}}})}, "give one of them"},
		"a foreign backend":  {database.ConfigChange{Section: withBackend(opsv1alpha1.BackendChange{Delete: []string{"x"}})}, `names "x"`},
		"removed and delete": {database.ConfigChange{Remove: true, Section: withBackend(opsv1alpha1.BackendChange{Delete: []string{"x"}})}, "makes no sense with"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := operations{}.Reconfigure(instance{&kubedbv1alpha2.Pgpool{}}, tc.change)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

// renderingOf is a Pgpool of a version with the given inline settings.
func renderingOf(version, inline string) gathered {
	return gathered{
		Facts:   pooler.Facts{Custom: custom.Text{Inline: inline}},
		pool:    &kubedbv1alpha2.Pgpool{},
		version: &catalogv1alpha1.PgpoolVersion{Spec: catalogv1alpha1.PgpoolVersionSpec{Version: version}},
		backends: []Backend{
			{Host: "pg.demo.svc", Port: 5432, Weight: 1, Flag: primaryFlag},
			{Host: "pg-standby.demo.svc", Port: 5432, Weight: 1, Flag: standbyFlag},
		},
	}
}

func files(t *testing.T, g gathered) map[string][]byte {
	t.Helper()
	config, err := Render(g.configInput())
	if err != nil {
		t.Fatal(err)
	}
	data := map[string][]byte{}
	for name, text := range config.Files {
		data[name] = []byte(text)
	}
	return data
}

func TestCompareSaysWhatAChangeCosts(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		before, after string
		want          []database.ParameterChange
	}{
		"nothing":          {"max_pool = 4\n", "max_pool = 4\n", nil},
		"another spelling": {"client_idle_limit = 60\n", "client_idle_limit = '60'\n", nil},
		"by reload": {"", "client_idle_limit = 60\n", []database.ParameterChange{
			{File: ConfFile, Name: "client_idle_limit", Old: "0", New: "60"},
		}},
		"by restart": {"", "num_init_children = 6\n", []database.ParameterChange{
			{File: ConfFile, Name: "num_init_children", Old: "5", New: "6", Restart: true},
		}},
		"back to the default": {"num_init_children = 6\n", "", []database.ParameterChange{
			{File: ConfFile, Name: "num_init_children", Old: "6", New: "5", Restart: true},
		}},
	}
	for _, version := range []string{"4.1.4", "4.3.5", "4.6.0"} {
		for name, tc := range cases {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()
				before, after := renderingOf(version, tc.before), renderingOf(version, tc.after)
				got := operations{}.Compare(after, files(t, before), files(t, after))
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestAnotherHBAIsAReload(t *testing.T) {
	t.Parallel()
	g := renderingOf("4.3.5", "")
	before := files(t, g)
	g.pool.Spec.ClientAuthMode = sharedv1.ClientAuthModeScram
	want := []database.ParameterChange{{File: HBAFile, Name: HBAFile}}
	if diff := cmp.Diff(want, operations{}.Compare(g, before, files(t, g))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckNamesWhatIsWrongAndWhatHasNoEffect(t *testing.T) {
	t.Parallel()
	if problems := (operations{}).Check(renderingOf("4.3.5", "no_such_thing = 1\n")); problems.Err() == nil ||
		!strings.Contains(problems.Error(), "no_such_thing") {
		t.Errorf("an unknown parameter gives %v", problems)
	}
	problems := operations{}.Check(renderingOf("4.3.5", "port = 2000\n"))
	if problems.Err() != nil || len(problems.Warnings()) != 1 || !strings.Contains(problems.Error(), "in force is 9999") {
		t.Errorf("a parameter of Matriarch's own gives %v", problems)
	}
	if problems := (operations{}).Check(renderingOf("4.3.5", "max_pool = 9\n")); len(problems) > 0 {
		t.Errorf("a good configuration gives %v", problems)
	}
}

func TestAPgpoolHasTheseOperations(t *testing.T) {
	t.Parallel()
	for operation, restart := range map[opsv1alpha1.OpsRequestType]string{
		opsv1alpha1.OpsRestart:     opsv1alpha1.ConditionRestartNodes,
		opsv1alpha1.OpsReconfigure: opsv1alpha1.ConditionRestartPods,
	} {
		texts, ok := operations{}.Operation(operation)
		if !ok || texts.Restart.Type != restart || texts.Start.Type != string(operation) || texts.Success.Message == "" {
			t.Errorf("%s: %t, %+v", operation, ok, texts)
		}
	}
	if _, ok := (operations{}).Operation(opsv1alpha1.OpsVolumeExpansion); ok {
		t.Error("a Pgpool has no volumes to expand")
	}
}

// An operation renders its files before it writes them, and again afterwards to see whether they are still right. Both
// times must give the same, although what is rendered depends on the files that are there.
func TestRenderingOverItsOwnResultChangesNothing(t *testing.T) {
	t.Parallel()
	former := files(t, renderingOf("4.3.5", "client_idle_limit = 60\nlog_connections = on\nmax_pool = 4\n"))
	for _, inline := range []string{"", "max_pool = 9\n", "client_idle_limit = 1\n"} {
		in := renderingOf("4.3.5", inline).configInput()
		in.Former = string(former[ConfFile])
		once, err := Render(in)
		if err != nil {
			t.Fatal(err)
		}
		in.Former = once.Files[ConfFile]
		again, err := Render(in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(once.Files, again.Files); diff != "" {
			t.Errorf("%q: %s", inline, diff)
		}
	}
}
