package agent

import (
	"context"
	"fmt"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/pooler"
	"github.com/matriarchdb/matriarch/internal/agent/pooler/pgbouncer"
	"github.com/matriarchdb/matriarch/internal/agent/pooler/pgpool"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Folders of the poolers' files.
const (
	pgpoolEtc       = "/opt/pgpool-II/etc"
	pgbouncerSecret = "/var/run/pgbouncer/secret"
)

func (rt *runtime) runPooler(stop, around context.Context) error {
	ordinal, err := ordinalOf(rt.settings.Pod)
	if err != nil {
		return err
	}
	server, err := rt.newPooler(stop, ordinal)
	if err != nil {
		return err
	}
	s := rt.settings
	applier := apply.New(server, apply.Store{Dir: s.path(naming.RunDir + "/in-force"), Memory: s.path(naming.RunDir + "/certificates-in-force")}, rt.report)
	secrets := pooler.NewSecrets(rt.client, pooler.Names{Namespace: s.Namespace, Config: s.ConfigSecret, Credentials: s.CredentialsSecret}, applier)
	following, end := context.WithCancel(around)
	defer end()
	rt.followCertificates(following, applier, secrets.Wake)
	go secrets.Follow(following)
	p := pooler.Pooler{Server: server, Applier: applier, Report: rt.report, Health: rt.health, Changed: secrets.Changed(), Grace: s.Grace}
	p.Run(stop)
	return nil
}

// newPooler finds the server's programs; ordinal is the number of the pod.
func (rt *runtime) newPooler(ctx context.Context, ordinal int) (pooler.Server, error) {
	s := rt.settings
	switch s.Kind {
	case KindPgpool:
		return pgpool.New(ctx, rt.sup, pgpool.Options{Etc: s.path(pgpoolEtc), TLS: s.path(naming.PgpoolTLSDir), Scratch: s.path(naming.RunDir)})
	case KindPgBouncer:
		return pgbouncer.New(ctx, rt.sup, pgbouncer.Options{
			PeerID: naming.PeerID(ordinal),
			Etc:    s.path(naming.PostgresConfigMount), Secret: s.path(pgbouncerSecret), TLS: s.path(naming.PgBouncerTLSDir),
			Scratch: s.path(naming.RunDir)})
	default:
		return nil, fmt.Errorf("%s is no pooler", s.Kind)
	}
}
