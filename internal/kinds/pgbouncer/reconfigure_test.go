package pgbouncer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/custom"
)

func specOf(secret, inline string) *kubedbv1.PgBouncerConfiguration {
	c := &kubedbv1.PgBouncerConfiguration{ConfigurationSpec: sharedv1.ConfigurationSpec{SecretName: secret}}
	if inline != "" {
		c.Inline = map[string]string{ConfFile: inline}
	}
	return c
}

func applied(text string) map[string]string { return map[string]string{ConfFile: text} }

func TestReconfigureChangesTheSpec(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before *kubedbv1.PgBouncerConfiguration
		change database.ConfigChange
		after  *kubedbv1.PgBouncerConfiguration
	}{
		"a first Secret": {nil, database.ConfigChange{SecretName: "new"}, specOf("new", "")},
		"another Secret leaves what was applied": {
			specOf("old", "max_client_conn = 4\n"), database.ConfigChange{SecretName: "new"}, specOf("new", "max_client_conn = 4\n"),
		},
		"sections are merged key by key": {
			specOf("old", "[users]\nalice = pool_mode=session\n[pgbouncer]\nmax_client_conn = 4\nserver_lifetime = 60\n"),
			database.ConfigChange{Apply: applied("max_client_conn = 9\n[users]\nbob = pool_mode=statement\nalice = pool_mode=transaction\n")},
			specOf("old", "[users]\nalice = pool_mode=transaction\nbob = pool_mode=statement\n\n[pgbouncer]\nmax_client_conn = 9\nserver_lifetime = 60\n"),
		},
		"removed": {specOf("old", "max_client_conn = 4\n"), database.ConfigChange{Remove: true}, nil},
		"removed and set anew": {
			specOf("old", "max_client_conn = 4\n"),
			database.ConfigChange{Remove: true, SecretName: "new", Apply: applied("server_lifetime = 5")},
			specOf("new", "[pgbouncer]\nserver_lifetime = 5\n"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bouncer := &kubedbv1.PgBouncer{}
			bouncer.Spec.Configuration = tc.before
			untouched := bouncer.DeepCopy()
			out, err := operations{}.Reconfigure(instance{bouncer}, tc.change)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.after, of(out).Spec.Configuration); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(untouched, bouncer); diff != "" {
				t.Errorf("the original was changed: %s", diff)
			}
		})
	}
}

func TestTheOldFormOfTheSecretsNameGivesWay(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]database.ConfigChange{
		"to another Secret": {SecretName: "new"}, "to nothing": {Remove: true},
	} {
		bouncer := &kubedbv1.PgBouncer{}
		bouncer.Spec.ConfigSecret = &corev1.LocalObjectReference{Name: "old"}
		out, err := operations{}.Reconfigure(instance{bouncer}, change)
		if err != nil || of(out).Spec.ConfigSecret != nil {
			t.Errorf("%s: configSecret is %v, %v", name, of(out).Spec.ConfigSecret, err)
		}
	}
}

func TestAChangeThatCannotBeMadeIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]database.ConfigChange{
		"at least one of": {},
		"pgbouncer.conf":  {Apply: map[string]string{"pgbouncer.conf": "a = 1"}},
		"line 1":          {Apply: applied("= 1")},
		"no section":      {Apply: applied("[server]\n")},
	} {
		_, err := operations{}.Reconfigure(instance{&kubedbv1.PgBouncer{}}, change)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %q", err, want)
		}
	}
}

func TestCheckFindsWhatPgBouncerWouldRefuseOrIgnore(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"max_client_con = 5":           "did you mean max_client_conn?",
		"pool_mode = whatever":         "pool_mode",
		"[databases]\nx = host=y\n":    "a database reference can not be added by configuration",
		"[users]\nalice = mode=fast\n": "unrecognized key",
	} {
		g := sample()
		g.Custom = custom.Text{Inline: text}
		if err := (operations{}).Check(g).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	g := sample()
	g.Custom = custom.Text{Inline: "listen_port = 1\nserver_lifetime = 5\n"}
	found := operations{}.Check(g)
	if found.Err() != nil || len(found.Warnings()) != 1 || found.Warnings()[0].Name != "listen_port" {
		t.Errorf("got %v, want one warning about listen_port", found)
	}
}

func TestCompareTellsReloadFromRestart(t *testing.T) {
	t.Parallel()
	files := func(text string) map[string][]byte { return map[string][]byte{ConfFile: []byte(text)} }
	got := operations{}.Compare(sample(),
		files("[databases]\npostgres = host=a\n[users]\nalice = pool_mode=session\n[pgbouncer]\nlisten_backlog = 128\nmax_client_conn = 100\npool_mode = session\n"),
		files("[databases]\npostgres = host=b\n[pgbouncer]\nlisten_backlog = 64\nmax_client_conn = 100\npool_mode = transaction\ntcp_keepidle = 9\n"))
	want := []database.ParameterChange{
		{File: ConfFile, Name: "listen_backlog", Old: "128", New: "64", Restart: true},
		{File: ConfFile, Name: "pool_mode", Old: "session", New: "transaction"},
		{File: ConfFile, Name: "tcp_keepidle", New: "9"},
		{File: ConfFile, Name: "databases.postgres", Old: "host=a", New: "host=b"},
		{File: ConfFile, Name: "users.alice", Old: "pool_mode=session"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if same := (operations{}).Compare(sample(), files("[pgbouncer]\n"), files("[pgbouncer]\npool_mode = session\n")); len(same) != 0 {
		t.Errorf("a default spelled out is a change: %v", same)
	}
}

func TestOperationsHaveTheWordsThatScriptsLookFor(t *testing.T) {
	t.Parallel()
	for operation, restart := range map[opsv1alpha1.OpsRequestType]string{
		opsv1alpha1.OpsRestart:     "Restarting all pods performed successfully in PgBouncer: {database} for PgBouncerOpsRequest: {request}",
		opsv1alpha1.OpsReconfigure: "Restarting pods performed successfully in PgBouncer: {database} for PgBouncerOpsRequest: {request}",
	} {
		texts, known := operations{}.Operation(operation)
		if !known || texts.Start.Type != "Running" || texts.Restart.Message != restart || texts.Restart.Reason != "RestartPodsSucceeded" {
			t.Errorf("%s: %+v", operation, texts)
		}
	}
	if _, known := (operations{}).Operation(opsv1alpha1.OpsVolumeExpansion); known {
		t.Error("a pooler has no volume to expand")
	}
}
