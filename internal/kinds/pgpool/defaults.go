package pgpool

import (
	"strconv"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// setting is a line of the tables below.
type setting struct{ name, value string }

// defaults holds for what the user does not say. They are the ones of KubeDB's guides, because whoever comes from
// there relies on them. Failover is off on purpose: Services, not Pgpool, follow the primary, and a backend that
// Pgpool has detached stays away until someone attaches it by hand (pgpool2_on_k8s, docs/index.md).
func defaults() *conf.Settings {
	return settings([]setting{
		{"log_per_node_statement", "on"},
		{"sr_check_period", "0"},
		{"health_check_period", "0"},
		{"backend_clustering_mode", "streaming_replication"}, // since 4.2
		{"master_slave_mode", "on"},                          // before 4.2
		{"master_slave_sub_mode", "stream"},                  // before 4.2
		{"num_init_children", "5"},
		{"max_pool", "15"},
		{"child_life_time", "300"},
		{"child_max_connections", "0"},
		{"connection_life_time", "0"},
		{"client_idle_limit", "0"},
		{"connection_cache", "on"},
		{"load_balance_mode", "on"},
		{"failover_on_backend_error", "off"},
		{"failover_on_backend_shutdown", "off"}, // on by default in 4.3
		{"log_min_messages", "warning"},
		{"statement_level_load_balance", "off"},
		{"memory_cache_enabled", "off"},
		{"memqcache_oiddir", "/tmp/oiddir/"},
		{"allow_clear_text_frontend_auth", "off"},
	})
}

// mandatory settings are the ones that the pod, its Services and its agent stand on; a user's value gives way to them.
func mandatory() *conf.Settings {
	return settings([]setting{
		{"enable_pool_hba", "on"},
		{"listen_addresses", "*"},
		{"port", strconv.Itoa(naming.PgpoolPort)},
		{"socket_dir", SocketDir},              // before 4.5
		{"unix_socket_directories", SocketDir}, // since 4.5
		{"unix_socket_permissions", "0777"},    // the agent connects there
		{"pcp_listen_addresses", "*"},
		{"pcp_port", strconv.Itoa(naming.PCPPort)},
		{"pcp_socket_dir", SocketDir},
		{"pid_file_name", SocketDir + "/pgpool.pid"},
		{"logdir", "/tmp"},            // before 4.7
		{"work_dir", "/tmp"},          // since 4.7
		{"log_destination", "stderr"}, // which is what kubectl logs and the agent read
		{"logging_collector", "off"},
		{"pool_passwd", PoolPasswdFile},
		{"use_watchdog", "off"},
	})
}

func settings(list []setting) *conf.Settings {
	s := pgconf.New(pgconf.Pgpool)
	for _, one := range list {
		s.Set(one.name, one.value)
	}
	return s
}
