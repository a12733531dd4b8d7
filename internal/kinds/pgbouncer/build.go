package pgbouncer

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Volumes of the server's container, beside the agent's.
const (
	configVolume = "final-config"
	userVolume   = "user-secret"
)

// Build renders the desired objects.
func (k Kind) Build(from database.Gathered) (database.Desired, error) {
	g := from.(gathered)
	at := g.bouncer.Namespace + "/" + g.bouncer.Name
	config, err := Render(g.configInput())
	if err != nil {
		return database.Desired{}, database.Unusablef("configuration of PgBouncer %s: %v", at, err)
	}
	users, err := g.everyone()
	if err != nil {
		return database.Desired{}, database.Unusablef("credentials of PgBouncer %s: %v", at, err)
	}
	credentials := g.Server.Files()
	credentials[UserlistFile] = []byte(userlist(users))
	d, err := g.Facts.Build(pooler.Parts{
		Files:           config.Files,
		CredentialsName: naming.BackendSecret(g.bouncer.Name),
		Credentials:     credentials,
		AppType:         appcatalogv1alpha1.AppTypePgBouncer,
		APIGroup:        kubedbv1.GroupVersion.Group,
		Version:         g.version.Spec.Version,
		Ports:           []corev1.ServicePort{blocks.Port(naming.PrimaryServicePort, port(g.bouncer), naming.DatabasePortName)},
		Server:          g.server(),
		Volumes: []corev1.Volume{
			blocks.EmptyVolume(configVolume), blocks.MemoryVolume(userVolume, nil), blocks.CertsVolume(),
			blocks.EmptyVolume(naming.SocketsVolume),
		},
		Exporter:   g.exporter(),
		RunAs:      g.version.Spec.SecurityContext,
		GitSyncer:  g.version.Spec.GitSyncer.Image,
		AgentImage: k.agentImage,
	})
	d.Recheck = g.recheck
	d.LeftOut = g.LeftOut(func(user string) error {
		secret, known := g.secrets[user]
		if !known { // the role is not in PostgreSQL yet
			return nil
		}
		return admittable(user, secret)
	})
	return d, err
}

// port is the one that clients connect to.
func port(bouncer *kubedbv1.PgBouncer) int32 {
	if pool := bouncer.Spec.ConnectionPool; pool != nil {
		return ptr.Deref(pool.Port, naming.PgBouncerPort)
	}
	return naming.PgBouncerPort
}

// configInput is what the configuration file depends on.
func (g gathered) configInput() ConfigInput {
	return ConfigInput{
		Version: g.version.Spec.Version,
		Upstream: Upstream{
			Host: g.Server.Host, Port: g.Server.Port, Database: g.bouncer.Spec.Database.DatabaseName,
			SSLMode: g.Server.SSLMode, CA: len(g.Server.CA) > 0, Certificate: len(g.Server.Certificate) > 0,
		},
		TLS: g.bouncer.Spec.TLS != nil, SSLMode: g.bouncer.Spec.SSLMode,
		Pool:      poolSettings(g.bouncer.Spec.ConnectionPool),
		Port:      port(g.bouncer),
		Peers:     g.peers(),
		AdminUser: g.Admin().Name,
		Custom:    g.Custom,
	}
}

func (g gathered) server() corev1.Container {
	return corev1.Container{
		Image: g.version.Spec.PgBouncer.Image,
		Ports: []corev1.ContainerPort{
			{Name: naming.DatabasePortName, ContainerPort: port(g.bouncer), Protocol: corev1.ProtocolTCP},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: configVolume, MountPath: ConfDir},
			{Name: userVolume, MountPath: UserDir},
			{Name: naming.CertsVolume, MountPath: naming.PgBouncerTLSDir},
			{Name: naming.SocketsVolume, MountPath: SocketDir},
		},
	}
}

// exporter asks the admin console beside it, as the administrator, through the socket: there it needs no certificate,
// whatever spec.sslMode asks of clients.
func (g gathered) exporter() blocks.Exporter {
	return blocks.Exporter{
		Image: g.version.Spec.Exporter.Image, DefaultPort: naming.ExporterPort,
		Env: []corev1.EnvVar{
			pooler.FromSecret("ADMIN_USER", g.AuthName(), naming.AuthUsername),
			pooler.FromSecret("ADMIN_PASSWORD", g.AuthName(), naming.AuthPassword),
			// Not a URL: in one, characters such as / and @ in a password would have to be escaped.
			{Name: "PGBOUNCER_EXPORTER_CONNECTION_STRING", Value: fmt.Sprintf(
				"host=%s port=%d user='$(ADMIN_USER)' password='$(ADMIN_PASSWORD)' dbname=%s sslmode=disable", SocketDir, port(g.bouncer), adminConsole)},
		},
		Mounts: []corev1.VolumeMount{{Name: naming.SocketsVolume, MountPath: SocketDir}},
	}
}
