package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// small is the input of a single member with 1 GiB of memory and 10 GiB of disk.
func small() ConfigInput {
	return ConfigInput{
		Name: "pg", Version: "15.18", Replicas: 1, Memory: giB, CPUs: 1, Storage: 10 * giB,
		StandbyMode: kubedbv1.StandbyModeHot, Admin: "postgres", Method: "md5",
	}
}

// setTo tells what a rendered configuration sets a parameter to.
func setTo(t *testing.T, in ConfigInput, name string) string {
	t.Helper()
	config, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := pgconf.Parse(pgconf.PostgreSQL, config.Files["postgresql.conf"])
	if err != nil {
		t.Fatal(err)
	}
	value, _ := settings.Get(name)
	return value
}

func TestWhichSourceWins(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason, name, want string
		change             func(*ConfigInput)
	}{
		{"the default", "max_connections", "100", func(*ConfigInput) {}},
		{"a quarter of the memory", "shared_buffers", "256MB", func(*ConfigInput) {}},
		{"never less than the server takes", "shared_buffers", "128kB", func(in *ConfigInput) { in.Memory = 1 }},
		{"tuning over the default", "max_connections", "200", func(in *ConfigInput) { in.Tuning = &kubedbv1.Tuning{} }},
		{"switched off tuning", "max_connections", "100", func(in *ConfigInput) { in.Tuning = &kubedbv1.Tuning{DisableAutoTune: true} }},
		{"the Secret over tuning", "max_connections", "300", func(in *ConfigInput) {
			in.Tuning, in.SecretText = &kubedbv1.Tuning{}, "max_connections = 300"
		}},
		{"inline over the Secret", "max_connections", "400", func(in *ConfigInput) {
			in.SecretText, in.InlineText = "max_connections = 300", "MAX_CONNECTIONS = 400"
		}},
		{"mandatory over everything", "port", "5432", func(in *ConfigInput) { in.InlineText = "port = 1" }},
		{"WAL for standbys", "wal_keep_size", "1536MB", func(*ConfigInput) {}},
		{"no more WAL than a quarter of a small volume", "wal_keep_size", "256MB", func(in *ConfigInput) { in.Storage = giB }},
		{"nor between checkpoints", "max_wal_size", "256MB", func(in *ConfigInput) { in.Storage = giB }},
		{"what the user keeps is his business", "wal_keep_size", "4000MB", func(in *ConfigInput) {
			in.Storage, in.Replication = giB, &kubedbv1.Replication{WALKeepSize: ptr.To[int32](4000)}
		}},
		{"slots keep what there is to keep", "wal_keep_size", "0MB", slots(3, nil)},
		{"without a limit", "max_slot_wal_keep_size", "", slots(3, nil)},
		{"or with one", "max_slot_wal_keep_size", "512MB", slots(3, ptr.To[int32](512))},
		{"a single member has no slots", "wal_keep_size", "1536MB", slots(1, nil)},
		{"there is room for the slots of many", "max_replication_slots", "13", slots(8, nil)},
		{"a warm standby answers nobody", "hot_standby", "off", func(in *ConfigInput) { in.StandbyMode = kubedbv1.StandbyModeWarm }},
		{"a single member waits for nobody", "synchronous_standby_names", "", func(in *ConfigInput) { in.Synchronous = synchronousConfig() }},
		{"members wait for one another", "synchronous_standby_names", `ANY 1 ("pg-0", "pg-1", "pg-2")`, func(in *ConfigInput) {
			in.Replicas, in.Synchronous = 3, synchronousConfig()
		}},
		{"by default until a standby has it in memory", "synchronous_commit", "remote_write", func(in *ConfigInput) {
			in.Replicas, in.Synchronous = 3, synchronousConfig()
		}},
		{"for the standbys that were named", "synchronous_standby_names", `FIRST 2 ("a", "b""c")`, func(in *ConfigInput) {
			in.Replicas, in.Synchronous = 3, synchronousConfig()
			in.Synchronous.Mode, in.Synchronous.NumSyncReplicas = kubedbv1.SynchronousModeFirst, ptr.To[int32](2)
			in.Synchronous.StandbyNames = []string{"a", `b"c`}
		}},
		{"or for anyone", "synchronous_standby_names", "ANY 1 (*)", func(in *ConfigInput) {
			in.Replicas, in.Synchronous = 2, synchronousConfig()
			in.Synchronous.UseWildcard = true
		}},
		{"unless the user wants it otherwise", "synchronous_standby_names", "FIRST 2 (*)", func(in *ConfigInput) {
			in.Replicas, in.Synchronous, in.InlineText = 3, synchronousConfig(), "synchronous_standby_names = 'FIRST 2 (*)'"
		}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			in := small()
			test.change(&in)
			if got := setTo(t, in, test.name); got != test.want {
				t.Errorf("%s = %q, want %q", test.name, got, test.want)
			}
		})
	}
}

func slots(members int32, limit *int32) func(*ConfigInput) {
	return func(in *ConfigInput) {
		in.Replicas, in.Replication = members, &kubedbv1.Replication{
			WALLimitPolicy: kubedbv1.WALLimitPolicyReplicationSlot, MaxSlotWALKeepSize: limit}
	}
}

func TestTheAgentsAreToldWhichMembersHaveSlots(t *testing.T) {
	t.Parallel()
	for members, want := range map[int32]string{1: "", 3: "pg-0\npg-1\npg-2\n"} {
		in := small()
		slots(members, nil)(&in)
		config, err := Render(in)
		if got := config.Files[naming.PostgresSlots]; err != nil || got != want {
			t.Errorf("of %d members %q have slots: %v", members, got, err)
		}
	}
	in := small()
	slots(5, nil)(&in)
	in.InlineText = "max_replication_slots = 3"
	if _, err := Render(in); err == nil || !strings.Contains(err.Error(), "need at least 4") {
		t.Errorf("too few slots give %v", err)
	}
}

func synchronousConfig() *kubedbv1.SynchronousReplication {
	pg := &kubedbv1.PostgresSpec{StreamingMode: kubedbv1.StreamingModeSynchronous}
	defaultSynchronous(pg)
	return pg.SynchronousReplicationConfig
}

func TestABadConfigurationIsToldLineByLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		change func(*ConfigInput)
		want   []string
	}{
		{"a line that cannot be read", func(in *ConfigInput) { in.SecretText = "work_mem = 4MB\n= 3" }, []string{"line 2", "configuration Secret"}},
		{"an unknown name", func(in *ConfigInput) { in.InlineText = "max_conections = 10" }, []string{"max_conections", "15.18"}},
		{"a value of the wrong kind", func(in *ConfigInput) { in.InlineText = "shared_buffers = banana" }, []string{"shared_buffers", "banana"}},
		{"what the agent sets", func(in *ConfigInput) { in.InlineText = "Primary_Conninfo = 'host=elsewhere'" }, []string{"Primary_Conninfo", "remove it"}},
		{"too little WAL for standbys", func(in *ConfigInput) { in.InlineText = "wal_level = minimal" }, []string{"wal_level", "replica"}},
		{"fewer senders than members", func(in *ConfigInput) { in.Replicas, in.InlineText = 3, "max_wal_senders = 1" }, []string{"max_wal_senders", "3"}},
		{"more reserved than there is", func(in *ConfigInput) {
			in.InlineText = "max_connections = 5\nsuperuser_reserved_connections = 5"
		}, []string{"superuser_reserved_connections", "max_connections"}},
		{"an unknown version", func(in *ConfigInput) { in.Version = "9.6" }, []string{"9.6"}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			in := small()
			test.change(&in)
			_, err := Render(in)
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, word := range test.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q lacks %q", err, word)
				}
			}
		})
	}
}

func TestTheSameInputRendersTheSameFiles(t *testing.T) {
	t.Parallel()
	in := small()
	in.Tuning, in.SecretText, in.InlineText = &kubedbv1.Tuning{}, "work_mem = 8MB\n", "log_statement = all\n"
	first, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := Render(in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.Files, again.Files); diff != "" {
			t.Fatalf("another rendering differs:\n%s", diff)
		}
	}
}

func TestWhatHasNoEffectIsTold(t *testing.T) {
	t.Parallel()
	in := small()
	in.InlineText = "port = 6000\nwork_mem = 8MB\nhot_standby = on"
	config, err := Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Overridden) != 1 || config.Overridden[0].User.Name != "port" || config.Overridden[0].InForce != "5432" {
		t.Errorf("overridden are %+v, want port alone", config.Overridden)
	}
}

func TestClientsLogInAsTheSpecSaysOrAsTheVersionDoes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode  string
		major int
		want  string
	}{{"", 15, "md5"}, {"", 18, "scram-sha-256"}, {"md5", 18, "md5"}, {"scram", 13, "scram-sha-256"}} {
		pg := &kubedbv1.Postgres{}
		pg.Spec.ClientAuthMode = clientAuthMode(test.mode)
		if got := clientAuth(pg, test.major); got != test.want {
			t.Errorf("mode %q on PostgreSQL %d gives %s, want %s", test.mode, test.major, got, test.want)
		}
	}
}

func TestAsProblems(t *testing.T) {
	t.Parallel()
	own := conf.Problems{{Name: "a"}}
	if got := asProblems(own); len(got) != 1 || got[0].Name != "a" {
		t.Errorf("problems became %v", got)
	}
	if got := asProblems(errors.New("words")); len(got) != 1 || got[0].Message != "words" {
		t.Errorf("an error became %v", got)
	}
}

func clientAuthMode(mode string) sharedv1.ClientAuthMode { return sharedv1.ClientAuthMode(mode) }
