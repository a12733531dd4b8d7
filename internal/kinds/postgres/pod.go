package postgres

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// gracePeriodSeconds is how long a member has to shut down: a fast shutdown writes a checkpoint, which takes as long as
// the disk needs for what is dirty in shared_buffers.
const gracePeriodSeconds = 60

func (g gathered) pod(agentImage string, exporter blocks.Exporter) blocks.Pod {
	server := corev1.Container{
		Name:      naming.ContainerPostgres,
		Image:     g.version.Spec.DB.Image,
		Ports:     []corev1.ContainerPort{{Name: naming.DatabasePortName, ContainerPort: naming.PostgresPort, Protocol: corev1.ProtocolTCP}},
		Resources: blocks.ServerResources(),
		VolumeMounts: []corev1.VolumeMount{
			{Name: naming.PostgresDataVolume, MountPath: naming.PostgresDataMount},
			{Name: naming.SocketsVolume, MountPath: naming.PostgresSocketsDir},
			{Name: naming.ConfigVolume, MountPath: naming.PostgresConfigMount},
			{Name: naming.SharedMemoryVolume, MountPath: naming.SharedMemoryDir},
		},
	}
	volumes := []corev1.Volume{
		blocks.EmptyVolume(naming.SocketsVolume),
		blocks.EmptyVolume(naming.ConfigVolume),
		blocks.MemoryVolume(naming.SharedMemoryVolume, nil),
	}
	if g.pg.Spec.StorageType == sharedv1.StorageTypeEphemeral {
		volumes = append(volumes, g.ephemeralData())
	}
	pod := blocks.Pod{
		Subject: g.subject, User: g.pg.Spec.PodTemplate, Server: server, Volumes: volumes,
		AgentEnv: append([]corev1.EnvVar{
			{Name: naming.EnvAuthSecret, Value: g.authName()},
			{Name: naming.EnvLease, Value: naming.LeaderLease(g.pg.Name)},
			{Name: naming.EnvGoverningService, Value: naming.GoverningService(g.pg.Name)},
			{Name: naming.EnvStandbyMode, Value: string(g.pg.Spec.StandbyMode)},
		}, g.sourceEnv()...),
		Exporter: exporter.Container(), ExtraLabels: g.cluster(), RunAs: g.version.Spec.SecurityContext,
		ServiceAccount: g.account(), GracePeriodSeconds: gracePeriodSeconds, AgentImage: agentImage,
	}
	blocks.Scripts{
		Init: g.pg.Spec.Init, Image: g.version.Spec.GitSyncer.Image,
		Volume: naming.InitScriptVolume, Mount: naming.PostgresInitMount, Run: true,
	}.AddTo(&pod)
	return pod
}

// claims asks for the data volume of each member.
func (g gathered) claims() []corev1.PersistentVolumeClaim {
	if g.pg.Spec.StorageType == sharedv1.StorageTypeEphemeral || g.pg.Spec.Storage == nil {
		return nil
	}
	spec := *g.pg.Spec.Storage.DeepCopy()
	if len(spec.AccessModes) == 0 {
		spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	return []corev1.PersistentVolumeClaim{{
		ObjectMeta: metav1.ObjectMeta{Name: naming.PostgresDataVolume, Labels: g.subject.Labels()},
		Spec:       spec,
	}}
}

// ephemeralData is a data volume that goes with its pod. Of spec.storage only the size counts.
func (g gathered) ephemeralData() corev1.Volume {
	volume := blocks.EmptyVolume(naming.PostgresDataVolume)
	if size := g.storage(); !size.IsZero() {
		volume.EmptyDir.SizeLimit = &size
	}
	return volume
}
