package pgbouncer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
)

// ignoredAlways is what every client may send although PgBouncer does not track it: JDBC sets extra_float_digits.
const ignoredAlways = "extra_float_digits"

// defaults hold for what neither spec.connectionPool nor the user's file says. Where KubeDB renders a value that would
// hurt (max_db_connections=1, max_user_connections=2, a log file that grows for ever) the documented default of
// PgBouncer holds; docs/decisions.md lists them.
func defaults(up Upstream) *conf.Settings {
	s := conf.NewSettings(conf.ExactCase, []conf.Setting{
		{Name: "pool_mode", Value: "session"},
		{Name: "max_client_conn", Value: "100"},
		{Name: "default_pool_size", Value: "20"},
		{Name: "min_pool_size", Value: "1"},
		{Name: "reserve_pool_size", Value: "1"},
		{Name: "reserve_pool_timeout", Value: "5"},
		{Name: "max_db_connections", Value: "0"},
		{Name: "max_user_connections", Value: "0"},
		{Name: "stats_period", Value: "60"},
		{Name: "auth_type", Value: "md5"},
		{Name: "ignore_startup_parameters", Value: ignoredAlways + ", empty"},
		// After a failed login PgBouncer refuses new clients for this long; 15 s, its default, would make them fail long
		// after a new primary serves (pgbouncer issue 872).
		{Name: "server_login_retry", Value: "1"},
	}...)
	for _, one := range serverTLS(up) {
		s.Add(one)
	}
	return s
}

// mandatory settings are the ones that the pod, its Service and its agent stand on; a user's value gives way to them.
func mandatory(port int32, user *conf.Settings) *conf.Settings {
	s := conf.NewSettings(conf.ExactCase, []conf.Setting{
		{Name: "listen_addr", Value: "*"},
		{Name: "listen_port", Value: strconv.Itoa(int(port))},
		{Name: "unix_socket_dir", Value: SocketDir},
		{Name: "auth_file", Value: UserDir + "/" + UserlistFile},
		{Name: "pidfile", Value: "/tmp/pgbouncer.pid"},
	}...)
	for _, one := range []conf.Setting{
		{Name: "unix_socket_mode", Value: "0777"}, // the agent connects there
		{Name: "logfile", Value: ""},              // stderr is what kubectl logs and the agent read
		{Name: "syslog", Value: "0"},
		{Name: "user", Value: ""},  // the pod has one user
		{Name: peerID, Value: "0"}, // each pod's agent sets it
	} {
		if user.Has(one.Name) {
			s.Add(one)
		}
	}
	return s
}

// adminUsers keeps the administrator among the users that the user's file names.
func adminUsers(admin string, user *conf.Settings) (string, error) {
	if strings.Contains(admin, ",") || strings.TrimSpace(admin) != admin {
		return "", fmt.Errorf("the administrator %q: PgBouncer can not express a comma, or a blank at the begin or end of the name, in admin_users", admin)
	}
	names := []string{admin}
	listed, _ := user.Get("admin_users")
	for name := range strings.SplitSeq(listed, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ","), nil
}

// poolSettings translates spec.connectionPool into the settings of pgbouncer.ini.
func poolSettings(pool *kubedbv1.ConnectionPool) *conf.Settings {
	s := &conf.Settings{}
	if pool == nil {
		return s
	}
	for _, one := range []struct {
		name  string
		value *int64
	}{
		{"max_client_conn", pool.MaxClientConnections},
		{"default_pool_size", pool.DefaultPoolSize},
		{"min_pool_size", pool.MinPoolSize},
		{"reserve_pool_size", pool.ReservePoolSize},
		{"reserve_pool_timeout", pool.ReservePoolTimeoutSeconds},
		{"max_db_connections", pool.MaxDBConnections},
		{"max_user_connections", pool.MaxUserConnections},
		{"stats_period", pool.StatsPeriodSeconds},
	} {
		if one.value != nil {
			s.Set(one.name, strconv.FormatInt(*one.value, 10))
		}
	}
	for _, one := range []conf.Setting{
		{Name: "pool_mode", Value: pool.PoolMode},
		{Name: "auth_type", Value: string(pool.AuthType)},
		{Name: "ignore_startup_parameters", Value: ignored(pool.IgnoreStartupParameters)},
	} {
		if one.Value != "" {
			s.Add(one)
		}
	}
	return s
}

// ignored adds to what the user lists what is always ignored.
func ignored(listed string) string {
	if listed == "" {
		return ""
	}
	for name := range strings.SplitSeq(listed, ",") {
		if strings.TrimSpace(name) == ignoredAlways {
			return listed
		}
	}
	return ignoredAlways + ", " + listed
}
