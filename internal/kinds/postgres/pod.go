package postgres

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// gracePeriodSeconds is how long a member has to shut down: a fast shutdown writes a checkpoint, which takes as long as
// the disk needs for what is dirty in shared_buffers.
const gracePeriodSeconds = 60

// members is what the pods of one PetSet are made of.
type members struct {
	petset   string
	replicas int32
	// group of read replicas; empty for the members of the cluster.
	group       string
	template    *sharedv1.PodTemplateSpec
	storageType sharedv1.StorageType
	storage     *corev1.PersistentVolumeClaimSpec
	// selector is the label of these pods alone, beside those of the instance; labels are what the pods begin with.
	selector, labels map[string]string
	env              []corev1.EnvVar
	live             *petsetv1.PetSet
}

// cluster are the members that can become primary.
func (g gathered) cluster() members {
	spec := g.pg.Spec
	label := map[string]string{naming.LabelPostgresCluster: g.pg.Name}
	return members{
		petset: g.pg.Name, replicas: g.spec.Replicas, template: spec.PodTemplate, storageType: spec.StorageType, storage: spec.Storage,
		selector: label, labels: label, live: g.live.PetSet,
		env: append([]corev1.EnvVar{{Name: naming.EnvStandbyMode, Value: string(spec.StandbyMode)}}, g.sourceEnv()...),
	}
}

// set renders the PetSet of some members.
func (g gathered) set(m members, agentImage string, exporter blocks.Exporter) (*petsetv1.PetSet, error) {
	return blocks.Set{
		Pod: g.pod(m, agentImage, exporter), Name: m.petset, Replicas: m.replicas,
		Selector: m.selector, Claims: g.claims(m), ClaimsGo: m.group != "", Live: m.live,
	}.Build()
}

func (g gathered) pod(m members, agentImage string, exporter blocks.Exporter) blocks.Pod {
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
			{Name: naming.CertsVolume, MountPath: naming.CertsDir},
		},
	}
	volumes := []corev1.Volume{
		blocks.EmptyVolume(naming.SocketsVolume),
		blocks.EmptyVolume(naming.ConfigVolume),
		blocks.MemoryVolume(naming.SharedMemoryVolume, nil),
		blocks.CertsVolume(), // without TLS too: turning it on must not need another pod
	}
	if m.storageType == sharedv1.StorageTypeEphemeral {
		volumes = append(volumes, m.ephemeralData())
	}
	pod := blocks.Pod{
		Subject: g.subject, User: m.template, Server: server, Volumes: volumes,
		AgentEnv: append([]corev1.EnvVar{
			{Name: naming.EnvAuthSecret, Value: g.authName()},
			{Name: naming.EnvTLSSecret, Value: naming.TLSSecret(g.pg.Name)},
			{Name: naming.EnvLease, Value: naming.LeaderLease(g.pg.Name)},
			{Name: naming.EnvGoverningService, Value: naming.GoverningService(g.pg.Name)},
		}, m.env...),
		Exporter: exporter.Container(), ExtraLabels: m.labels, RunAs: g.version.Spec.SecurityContext,
		ServiceAccount: g.account(), GracePeriodSeconds: gracePeriodSeconds, AgentImage: agentImage,
	}
	if m.group == "" { // a read replica makes no cluster
		blocks.Scripts{
			Init: g.pg.Spec.Init, Image: g.version.Spec.GitSyncer.Image,
			Volume: naming.InitScriptVolume, Mount: naming.PostgresInitMount, Run: true,
		}.AddTo(&pod)
	}
	return pod
}

// claims asks for the data volume of each member.
func (g gathered) claims(m members) []corev1.PersistentVolumeClaim {
	if m.storageType == sharedv1.StorageTypeEphemeral || m.storage == nil {
		return nil
	}
	spec := *m.storage.DeepCopy()
	if len(spec.AccessModes) == 0 {
		spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	return []corev1.PersistentVolumeClaim{{
		ObjectMeta: metav1.ObjectMeta{Name: naming.PostgresDataVolume, Labels: g.subject.Labels()},
		Spec:       spec,
	}}
}

// ephemeralData is a data volume that goes with its pod. Of the storage only the size counts.
func (m members) ephemeralData() corev1.Volume {
	volume := blocks.EmptyVolume(naming.PostgresDataVolume)
	if size := sizeOf(m.storage); !size.IsZero() {
		volume.EmptyDir.SizeLimit = &size
	}
	return volume
}
