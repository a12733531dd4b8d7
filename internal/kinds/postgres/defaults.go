package postgres

import (
	"fmt"
	"strings"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/naming"
)

const (
	kiB = 1 << 10
	miB = 1 << 20
	giB = 1 << 30
)

// setting is a line of the tables below.
type setting struct{ name, value string }

func settings(list []setting) *conf.Settings {
	s := pgconf.New(pgconf.PostgreSQL)
	for _, one := range list {
		s.Set(one.name, one.value)
	}
	return s
}

// mandatory settings are the ones that pod, Services and agent stand on; a user's value gives way to them.
func mandatory(in ConfigInput) *conf.Settings {
	return settings([]setting{
		{"listen_addresses", "*"},
		{"port", fmt.Sprint(naming.PostgresPort)},
		{"unix_socket_directories", naming.PostgresSocketsDir},
		// A warm standby follows and answers nobody.
		{"hot_standby", onOff(in.StandbyMode != kubedbv1.StandbyModeWarm)},
		// pg_rewind needs it, and it cannot be switched on after a failover has happened
		// (postgresql.org/docs/current/app-pgrewind.html).
		{"wal_log_hints", "on"},
		// The container's log is where logs are looked for; a collector would hide them in the data directory.
		{"logging_collector", "off"},
		{"log_destination", "stderr"},
	})
}

// defaults hold for what neither tuning nor the user says. PostgreSQL's own default holds for all the rest; the comments
// say why these differ.
func defaults(in ConfigInput) *conf.Settings {
	d := settings([]setting{
		{"max_connections", "100"},
		// A quarter of the memory: the rest is for sessions and for the operating system's cache
		// (postgresql.org/docs/current/runtime-config-resource.html).
		{"shared_buffers", kilobytes(max(in.Memory/4/kiB, 128))},
		{"wal_level", "replica"},
		// PostgreSQL's own is 10. A member that is being cloned needs two.
		{"max_wal_senders", fmt.Sprint(max(10, in.followers()+2))},
		{"max_replication_slots", maxSlots(in)},
		// Segments that a standby may still need after it was away. See maxWALShare.
		{"wal_keep_size", megabytes(walKeep(in))},
		{"max_wal_size", megabytes(maxWAL(in))},
		{"shared_preload_libraries", "pg_stat_statements"},
		// Passwords are stored as SCRAM verifiers, which the method md5 accepts too.
		{"password_encryption", "scram-sha-256"},
		// What initdb would have written into the file that this one replaces.
		{"log_timezone", "Etc/UTC"},
		{"timezone", "Etc/UTC"},
		{"datestyle", "iso, mdy"},
		{"default_text_search_config", "pg_catalog.english"},
	})
	if keep := in.Replication; keep != nil && keep.MaxSlotWALKeepSize != nil {
		d.Set("max_slot_wal_keep_size", slotKeep(*keep.MaxSlotWALKeepSize))
	}
	return d.Merge(synchronous(in))
}

// KubeDB keeps 1536 MB of WAL for standbys, and PostgreSQL lets it grow to 1 GB between checkpoints. On a small volume
// the two would fill the disk and stop the server, so each default takes a share of the volume at most; what the user
// sets is taken as it is.
const (
	walKeepDefault = 1536 // MB
	maxWALDefault  = 1024 // MB, PostgreSQL's own
	maxWALShare    = 4    // a quarter of the volume
	smallestMaxWAL = 64   // MB: two segments of 16 MB and what a checkpoint needs
)

func walKeep(in ConfigInput) int64 {
	if keep := in.Replication; keep != nil && keep.WALKeepSize != nil {
		return int64(*keep.WALKeepSize)
	}
	if len(slotted(in)) > 0 {
		return 0 // each slot keeps exactly what its member lacks
	}
	return shareOf(in.Storage, walKeepDefault)
}

func maxWAL(in ConfigInput) int64 { return max(shareOf(in.Storage, maxWALDefault), smallestMaxWAL) }

// shareOf limits a number of MB to a quarter of the volume, whose size is 0 if it is not known.
func shareOf(storage, otherwise int64) int64 {
	if storage <= 0 {
		return otherwise
	}
	return min(otherwise, storage/miB/maxWALShare)
}

func slotKeep(mb int32) string {
	if mb < 0 {
		return "-1"
	}
	return megabytes(int64(mb))
}

// synchronous renders which standbys a commit waits for. By default all members are candidates, under their pod's
// names, which are the standbys' application names.
func synchronous(in ConfigInput) *conf.Settings {
	sync := in.Synchronous
	if sync == nil || in.Replicas < 2 {
		return settings(nil)
	}
	names := sync.StandbyNames
	if len(names) == 0 {
		for i := range in.Replicas {
			names = append(names, fmt.Sprintf("%s-%d", in.Name, i))
		}
	}
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	if sync.UseWildcard && len(in.ReadReplicas) == 0 { // which it would count, too
		list = []string{"*"}
	}
	return settings([]setting{
		{"synchronous_standby_names", fmt.Sprintf("%s %d (%s)", strings.ToUpper(string(sync.Mode)), *sync.NumSyncReplicas, strings.Join(list, ", "))},
		{"synchronous_commit", commitLevels[sync.CommitLevel]},
	})
}

var commitLevels = map[kubedbv1.CommitLevel]string{
	kubedbv1.CommitLevelOn: "on", kubedbv1.CommitLevelRemoteApply: "remote_apply", kubedbv1.CommitLevelRemoteWrite: "remote_write",
	kubedbv1.CommitLevelLocal: "local", kubedbv1.CommitLevelOff: "off",
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func megabytes(mb int64) string { return fmt.Sprintf("%dMB", mb) }

// kilobytes writes a size in the largest unit that divides it, as people write it.
func kilobytes(kb int64) string {
	switch {
	case kb >= giB/kiB && kb%(giB/kiB) == 0:
		return fmt.Sprintf("%dGB", kb/(giB/kiB))
	case kb >= miB/kiB && kb%(miB/kiB) == 0:
		return fmt.Sprintf("%dMB", kb/(miB/kiB))
	}
	return fmt.Sprintf("%dkB", kb)
}
