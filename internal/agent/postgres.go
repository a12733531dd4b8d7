package agent

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/lease"
	"github.com/matriarchdb/matriarch/internal/agent/member"
	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func (rt *runtime) runPostgres(stop, around context.Context) error {
	s := rt.settings
	ordinal, err := ordinalOf(s.Pod)
	if err != nil {
		return err
	}
	programs, err := pg.FindPrograms(stop, rt.sup)
	if err != nil {
		return err
	}
	settings, err := pgconf.Parse(pgconf.PostgreSQL, s.Settings)
	if err != nil {
		return fmt.Errorf("read the environment variable %s: %w", naming.EnvSettings, err)
	}
	scratch, volume := s.path(naming.RunDir), pg.Volume{Dir: s.path(naming.PostgresDataMount)}
	server := pg.New(programs, rt.sup, pg.Options{
		Etc: s.path(naming.PostgresConfigMount), Certs: s.path(naming.CertsDir), Scratch: scratch, Volume: volume, Settings: settings,
	})
	applier := apply.New(server, apply.Store{Dir: volume.State(), Memory: filepath.Join(scratch, "in-force")}, rt.report)
	names := member.Names{Namespace: s.Namespace, Config: s.ConfigSecret, Auth: s.AuthSecret, Lease: s.Lease, Source: s.SourceSecret}
	world := member.NewWorld(rt.client, names, applier, scratch)
	following, end := context.WithCancel(around)
	defer end()
	rt.followCertificates(following, applier, world.Wake)
	go world.Follow(following)

	m := &member.Member{
		Pod: s.Pod, Ordinal: ordinal, ReadReplica: s.ReadReplica != "", Server: server, Volume: volume, Sup: rt.sup, Applier: applier,
		Report: rt.report, Health: rt.health, Probes: rt.probes, World: world,
		Lease:    &lease.Keeper{API: rt.client, Name: s.Lease, By: lease.Holder{Pod: s.Pod, UID: s.PodUID, Boot: rand.Text()}},
		Upstream: s.upstream, Label: func(role string) { rt.announce.Label(naming.LabelRole, role) },
		InitScripts: s.InitScripts, Grace: s.Grace,
	}
	return m.Run(stop)
}

// ordinalOf reads the number at the end of a pod's name.
func ordinalOf(pod string) (int, error) {
	ordinal, err := strconv.Atoi(pod[strings.LastIndexByte(pod, '-')+1:])
	if err != nil {
		return 0, fmt.Errorf("find the ordinal in the pod's name %q: %w", pod, err)
	}
	return ordinal, nil
}

// upstream is how a pod is reached as the primary; without a name it is the fixed primary.
func (s Settings) upstream(pod string) pg.Upstream {
	if pod == "" {
		pod = s.Instance + "-0"
	}
	address := strings.ReplaceAll(s.PeerAddress, "{pod}", pod)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return pg.Upstream{Host: address, Port: strconv.Itoa(naming.PostgresPort)}
	}
	return pg.Upstream{Host: host, Port: port}
}
