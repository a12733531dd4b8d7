package catalog_test

import (
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

func TestCombinationsThatAServerDiesOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason  string
		server  server
		version string
		text    string
		want    string // the one problem; empty for none
	}{
		{"nothing set", catalog.Postgres, "17", "", ""},
		{"walsenders, by default", catalog.Postgres, "17", "wal_level = Minimal", `line 1: wal_level = "Minimal": minimal cannot be used with max_wal_senders above 0`},
		{"no walsenders", catalog.Postgres, "17", "wal_level = minimal\nmax_wal_senders = 0", ""},
		{"archiving", catalog.Postgres, "15", "max_wal_senders = 0\nwal_level = minimal\narchive_mode = yes", `line 3: archive_mode = "yes": needs wal_level replica or logical, but wal_level is minimal`},
		{"archiving always", catalog.Postgres, "15", "max_wal_senders = 0\nwal_level = minimal\narchive_mode = always", `line 3: archive_mode = "always": needs`},
		{"WAL summaries", catalog.Postgres, "17", "max_wal_senders = 0\nwal_level = minimal\nsummarize_wal = on", `line 3: summarize_wal = "on": needs`},
		{"only reserved connections", catalog.Postgres, "13", "max_connections = 3", `line 1: max_connections = "3": must be more than the 3 reserved connections`},
		{"two kinds of reserved connections", catalog.Postgres, "16", "max_connections = 10\nreserved_connections = 7", `line 1: max_connections = "10": must be more than the 10 reserved connections`},
		{"too many processes", catalog.Postgres, "17", "max_connections = 262000\nmax_worker_processes = 262000", `line 1: max_connections = "262000": makes too many server processes`},
		{"an unreadable value is not judged here", catalog.Postgres, "17", "max_wal_senders = x\nwal_level = minimal", ""},
		{"spare children without dynamic children", catalog.Pgpool, "4.6", "min_spare_children = 10\nmax_spare_children = 5", ""},
		{"no room for spare children", catalog.Pgpool, "4.6", "process_management_mode = dynamic\nmin_spare_children = 5\nmax_spare_children = 5",
			`line 3: max_spare_children = "5": must be greater than min_spare_children, which is 5`},
		{"more spare children than children", catalog.Pgpool, "4.6", "process_management_mode = dynamic\nnum_init_children = 5",
			`max_spare_children = "10": must not be greater than num_init_children, which is 5`},
		{"all children reserved", catalog.Pgpool, "4.3", "num_init_children = 5\nreserved_connections = 5", `line 2: reserved_connections = "5": must be smaller than num_init_children, which is 5`},
	} {
		dialect := pgconf.PostgreSQL
		if strings.HasPrefix(test.version, "4.") {
			dialect = pgconf.Pgpool
		}
		settings, err := pgconf.Parse(dialect, test.text)
		if err != nil {
			t.Fatal(err)
		}
		problems := open(t, test.server, test.version).Conflicts(settings)
		switch {
		case test.want == "" && len(problems) == 0:
		case test.want == "" || len(problems) != 1 || !strings.HasPrefix(problems[0].String(), test.want):
			t.Errorf("%s: got %v", test.reason, problems)
		}
	}
}

func TestPgBouncerHasNoSuchCombinations(t *testing.T) {
	t.Parallel()
	if problems := open(t, catalog.PgBouncer, "1.18").Conflicts(&conf.Settings{}); len(problems) != 0 {
		t.Errorf("got %v", problems)
	}
}
