package pgpool

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"k8s.io/utils/ptr"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Backend is one PostgreSQL address behind the pooler.
type Backend struct {
	Host   string
	Port   int32
	Weight int32
	// Flag as in backend_flagN, such as ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER.
	Flag string
}

// Flags of the backends. Pgpool never fails over by itself: the Services follow the primary.
const (
	primaryFlag = "ALWAYS_PRIMARY|DISALLOW_TO_FAILOVER"
	standbyFlag = "DISALLOW_TO_FAILOVER"
)

// backends are the addresses behind the pooler: what the user listed, or the primary and, if there are any, the
// standbys. They share one address, behind which every member has the same weight.
func backends(config *kubedbv1alpha2.PgpoolConfiguration, server backend.Server) ([]Backend, error) {
	wanted := []kubedbv1alpha2.Backend{
		{GroupName: kubedbv1alpha2.BackendGroupPrimary, Weight: 1}, {GroupName: kubedbv1alpha2.BackendGroupStandby, Weight: max(server.Standbys, 1)},
	}
	if config != nil && len(config.Backends) > 0 {
		wanted = config.Backends
	}
	var list []Backend
	for _, wish := range wanted {
		if b := resolve(wish, server); b.Host != "" {
			list = append(list, b)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("none of spec.configuration.backends exists at present; add the group PRIMARY")
	}
	return list, nil
}

// missingGroups are the listed groups of read replicas that the Postgres has not. They are left out until it has them: a
// pooler without them still serves.
func missingGroups(config *kubedbv1alpha2.PgpoolConfiguration, server backend.Server) []string {
	var missing []string
	if config == nil {
		return nil
	}
	for _, wish := range config.Backends {
		if isReadReplicas(wish.GroupName) && server.ReadReplicas[wish.GroupName] == "" {
			missing = append(missing, wish.GroupName)
		}
	}
	return missing
}

// isReadReplicas tells whether a group's name is that of read replicas, whose names are the user's.
func isReadReplicas(group string) bool {
	return group != "" && group != kubedbv1alpha2.BackendGroupPrimary && group != kubedbv1alpha2.BackendGroupStandby
}

// lacks says which groups are left out; empty for none.
func lacks(missing []string, server backend.Server) string {
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("read replicas %s of Postgres %s/%s: spec.configuration.backends lists them and there are none; they are left out until there are",
		strings.Join(missing, ", "), server.Namespace, server.Name)
}

// resolve finds the address of a wanted backend. A group that has no members has no address.
func resolve(wish kubedbv1alpha2.Backend, server backend.Server) Backend {
	b := Backend{Port: server.Port, Weight: wish.Weight, Flag: standbyFlag}
	switch wish.GroupName {
	case kubedbv1alpha2.BackendGroupPrimary:
		b.Host, b.Flag = server.Host, primaryFlag
	case kubedbv1alpha2.BackendGroupStandby:
		b.Host = server.StandbyHost
	case "":
		b.Host, b.Port = wish.HostName, ptr.Deref(wish.Port, naming.PostgresPort)
	default:
		b.Host = server.ReadReplicas[wish.GroupName]
	}
	if wish.Flag != "" {
		b.Flag = wish.Flag
	}
	return b
}

// Parameters of one backend, without its number.
const (
	backendHost   = "backend_hostname"
	backendPort   = "backend_port"
	backendWeight = "backend_weight"
	backendFlag   = "backend_flag"
)

// settingsOf spells the backends out.
func settingsOf(version *semver.Version, list []Backend) *conf.Settings {
	s := pgconf.New(pgconf.Pgpool)
	for i, b := range list {
		n := strconv.Itoa(i)
		s.Set(backendHost+n, b.Host)
		s.Set(backendPort+n, strconv.Itoa(int(b.Port)))
		s.Set(backendWeight+n, strconv.Itoa(int(b.Weight)))
		s.Set(backendFlag+n, flagFor(version, b.Flag))
	}
	return s
}

// withoutWeights leaves the shares of the backends out: the user's own backend_weightN is stronger.
func withoutWeights(backends *conf.Settings) *conf.Settings {
	rest := backends.Clone()
	for _, name := range backends.Names() {
		if strings.HasPrefix(name, backendWeight) {
			rest.Delete(name)
		}
	}
	return rest
}

// flagFor writes a backend flag in the words of the version: ALWAYS_PRIMARY was ALWAYS_MASTER before 4.2 (release
// notes of Pgpool-II 4.2).
func flagFor(version *semver.Version, flag string) string {
	if version.LessThan(semver.New(4, 2, 0, "", "")) {
		return strings.ReplaceAll(flag, "ALWAYS_PRIMARY", "ALWAYS_MASTER")
	}
	return flag
}

// beyond tells whether a parameter is about a backend with a number of n or more.
func beyond(name string, n int) bool {
	family := strings.TrimRight(name, "0123456789")
	number, err := strconv.Atoi(name[len(family):])
	return strings.HasPrefix(family, "backend_") && err == nil && number >= n
}
