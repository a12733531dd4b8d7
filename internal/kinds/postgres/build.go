package postgres

import (
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Build renders the desired objects.
func (k Kind) Build(from database.Gathered) (database.Desired, error) {
	g := from.(gathered)
	config, err := Render(g.configInput())
	if err != nil {
		return database.Desired{}, database.Unusablef("configuration of Postgres %s/%s: %v", g.pg.Namespace, g.pg.Name, err)
	}
	d := database.Desired{
		Config:    blocks.ConfigSecret(g.subject, config.Files, g.live),
		Governing: blocks.Governing(g.subject, dbPort()),
		Lease:     &coordinationv1.Lease{ObjectMeta: g.subject.Meta(naming.LeaderLease(g.pg.Name))},
	}
	certificates := g.certs.Desired()
	certificates.AddTo(&d)
	d.AppBinding = g.binding(certificates)
	g.services(&d)
	g.sourceSecret(&d)
	blocks.Grant(&d, g.subject, g.account(), g.agentRules(d.Config.Name), g.live.ForeignAccount)
	exporter := g.exporter()
	if d.PetSet, err = g.set(g.cluster(), k.agentImage, exporter); err != nil {
		return database.Desired{}, err
	}
	if err := g.readReplicas(&d, k.agentImage, exporter); err != nil {
		return database.Desired{}, err
	}
	blocks.Budget(&d, g.subject)
	exporter.AddTo(&d)
	return d, nil
}

// binding tells poolers and other clients how to get in. They learn of TLS when there is something to trust.
func (g gathered) binding(certificates *database.TLS) *appcatalogv1alpha1.AppBinding {
	b := blocks.Binding{
		Subject: g.subject, Type: appcatalogv1alpha1.AppTypePostgres, Version: g.version.Spec.Version,
		APIGroup: kubedbv1.GroupVersion.Group, Port: naming.PostgresPort, SSLMode: g.pg.Spec.SSLMode,
		Auth: g.pg.Spec.AuthSecret, AuthName: g.authName(),
	}
	if certificates != nil && certificates.Published != nil {
		b.CABundle, b.ClientCert = certificates.Published.Data[naming.TLSCA], clientSecret(g.pg)
	}
	return b.Build()
}

// exporter asks the server beside it through its socket, which needs no password: only containers of the pod reach it.
func (g gathered) exporter() blocks.Exporter {
	return blocks.Exporter{
		Subject: g.subject, Monitor: g.pg.Spec.Monitor, Templates: g.pg.Spec.ServiceTemplates,
		Image: g.version.Spec.Exporter.Image, DefaultPort: naming.ExporterPort,
		Env: []corev1.EnvVar{{
			Name:  "DATA_SOURCE_NAME",
			Value: "host=" + naming.PostgresSocketsDir + " user=" + quoteConn(g.admin()) + " dbname=" + probeDatabase,
		}},
		Mounts: []corev1.VolumeMount{{Name: naming.SocketsVolume, MountPath: naming.PostgresSocketsDir}},
	}
}
