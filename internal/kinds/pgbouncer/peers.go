package pgbouncer

import (
	"fmt"
	"strconv"

	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// peerID is the parameter that says which of the peers a process is. The pods share one file, so each pod's agent sets
// it, by the pod's ordinal.
const peerID = "peer_id"

// setPeers has the members pass on requests to cancel a query to the one that runs it: such a request comes over a new
// connection, which the Service leads to any of them. PgBouncer can do that since 1.19; an earlier one drops the request.
func setPeers(file *ini.File, know *catalog.Catalog, hosts []string, port int32) error {
	if _, can := know.Lookup(peerID); !can || len(hosts) < 2 {
		return nil
	}
	for ordinal, host := range hosts {
		line, err := ini.PrintConn(conf.NewSettings(conf.ExactCase,
			conf.Setting{Name: "host", Value: host},
			conf.Setting{Name: "port", Value: strconv.Itoa(int(port))},
		))
		if err != nil {
			return fmt.Errorf("write the address of the peer %s: %w", host, err)
		}
		file.Section(ini.Peers).Set(strconv.Itoa(naming.PeerID(ordinal)), line)
	}
	return nil
}

// peers are the addresses of the members, by ordinal.
func (g gathered) peers() []string {
	var hosts []string
	for ordinal := range int(g.Spec.Replicas) {
		hosts = append(hosts, naming.PodHost(g.bouncer.Namespace, g.bouncer.Name, ordinal))
	}
	return hosts
}
