package pgpool

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// configVolume holds the server's files.
const configVolume = "pgpool-config"

// Build renders the desired objects.
func (k Kind) Build(from database.Gathered) (database.Desired, error) {
	g := from.(gathered)
	config, err := Render(g.configInput())
	if err != nil {
		return database.Desired{}, database.Unusablef("configuration of Pgpool %s/%s: %v", g.pool.Namespace, g.pool.Name, err)
	}
	passwords, err := g.passwords()
	if err != nil {
		return database.Desired{}, err
	}
	credentials := naming.PCPSecret(g.pool.Name, string(g.pool.UID))
	desired, err := g.Facts.Build(pooler.Parts{
		Files:           config.Files,
		CredentialsName: credentials,
		Credentials:     passwords,
		AppType:         appcatalogv1alpha1.AppTypePgpool,
		APIGroup:        kubedbv1alpha2.GroupVersion.Group,
		Version:         g.version.Spec.Version,
		Ports: []corev1.ServicePort{
			blocks.Port(naming.PrimaryServicePort, naming.PgpoolPort, naming.DatabasePortName),
			blocks.Port(naming.PgpoolPCPPortName, naming.PCPPort, naming.PgpoolPCPPortName),
		},
		Server: g.server(),
		Volumes: []corev1.Volume{
			blocks.EmptyVolume(configVolume), blocks.CertsVolume(), blocks.EmptyVolume(naming.SocketsVolume),
		},
		Exporter:   g.exporter(credentials),
		RunAs:      g.version.Spec.SecurityContext,
		GitSyncer:  g.version.Spec.GitSyncer.Image,
		AgentImage: k.agentImage,
	})
	desired.Lacks = lacks(g.missing, g.Server)
	desired.LeftOut = g.LeftOut(func(user string) error { return expressible(user, g.Users[user]) })
	return desired, err
}

func (g gathered) server() corev1.Container {
	return corev1.Container{
		Image: g.version.Spec.Pgpool.Image,
		Ports: []corev1.ContainerPort{
			{Name: naming.DatabasePortName, ContainerPort: naming.PgpoolPort, Protocol: corev1.ProtocolTCP},
			{Name: naming.PgpoolPCPPortName, ContainerPort: naming.PCPPort, Protocol: corev1.ProtocolTCP},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: configVolume, MountPath: ConfDir},
			{Name: naming.CertsVolume, MountPath: naming.PgpoolTLSDir},
			{Name: naming.CertsVolume, MountPath: "/config/tls", ReadOnly: true}, // where KubeDB's guides look
			{Name: naming.SocketsVolume, MountPath: SocketDir},
		},
	}
}

// Keys of the credentials Secret that only the exporter reads.
const (
	exporterUserKey     = "exporter-username"
	exporterPasswordKey = "exporter-password"
)

// exporter asks the pooler beside it, as the server's administrator: it has no user of its own.
func (g gathered) exporter(credentials string) blocks.Exporter {
	return blocks.Exporter{
		Image: g.version.Spec.Exporter.Image, DefaultPort: naming.PgpoolExporterPort,
		Env: []corev1.EnvVar{
			{Name: "POSTGRES_DATABASE", Value: probeDatabase},
			{Name: "PGPOOL_SERVICE", Value: "localhost"},
			{Name: "PGPOOL_SERVICE_PORT", Value: strconv.Itoa(naming.PgpoolPort)},
			{Name: "SSLMODE", Value: g.exporterMode()},
			pooler.FromSecret("POSTGRES_USERNAME", credentials, exporterUserKey),
			pooler.FromSecret("POSTGRES_PASSWORD", credentials, exporterPasswordKey),
		},
	}
}

// exporterMode is how the exporter connects to the pooler beside it, which clients may be let into over TLS only.
func (g gathered) exporterMode() string {
	if g.pool.Spec.TLS != nil {
		return string(sharedv1.SSLModeRequire)
	}
	return string(sharedv1.SSLModeDisable)
}
