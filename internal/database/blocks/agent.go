package blocks

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/matriarchdb/matriarch/internal/naming"
)

// Sizes of the agent's volumes: its binary, and candidate files and passwords in memory.
var (
	agentVolumeSize = resource.MustParse("128Mi")
	runVolumeSize   = resource.MustParse("16Mi")
)

// installer copies the agent into the pod, so that server images are used as they are.
func installer(image string) corev1.Container {
	return corev1.Container{
		Name:         naming.AgentInstaller,
		Image:        image,
		Args:         []string{"install", naming.AgentDir}, // the image knows where its program is
		VolumeMounts: []corev1.VolumeMount{{Name: naming.AgentVolume, MountPath: naming.AgentDir}},
		Resources:    installerResources(),
	}
}

// withAgent makes the agent process 1 of the server's container and tells it whom it serves.
func withAgent(server corev1.Container, s Subject, grace int64, more []corev1.EnvVar) corev1.Container {
	server.Command = []string{naming.AgentBinary, "run"}
	server.Args = nil
	server.Env = append(append(agentEnv(s, grace), more...), server.Env...)
	server.Ports = append(server.Ports, corev1.ContainerPort{
		Name: naming.AgentPortName, ContainerPort: naming.AgentPort, Protocol: corev1.ProtocolTCP,
	})
	server.VolumeMounts = append([]corev1.VolumeMount{
		{Name: naming.AgentVolume, MountPath: naming.AgentDir, ReadOnly: true},
		{Name: naming.RunVolume, MountPath: naming.RunDir},
	}, server.VolumeMounts...)
	server.ReadinessProbe = probe("/readyz", corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 2, FailureThreshold: 2})
	server.LivenessProbe = probe("/livez", corev1.Probe{PeriodSeconds: 10, TimeoutSeconds: 5, FailureThreshold: 6})
	return server
}

func agentEnv(s Subject, grace int64) []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: naming.EnvKind, Value: s.Info.Kind},
		{Name: naming.EnvInstance, Value: s.Name()},
		fieldEnv(naming.EnvPodName, "metadata.name"),
		fieldEnv(naming.EnvPodNamespace, "metadata.namespace"),
		fieldEnv(naming.EnvPodUID, "metadata.uid"),
		{Name: naming.EnvGracePeriod, Value: strconv.FormatInt(grace, 10)},
		{Name: naming.EnvConfigSecret, Value: naming.ConfigSecret(s.Name(), string(s.Object.GetUID()))},
	}
}

func fieldEnv(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path},
	}}
}

func probe(path string, timing corev1.Probe) *corev1.Probe {
	timing.ProbeHandler = corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
		Path: path, Port: intstr.FromString(naming.AgentPortName), Scheme: corev1.URISchemeHTTP,
	}}
	timing.SuccessThreshold = 1
	return &timing
}

// agentVolumes are the volumes that withAgent and installer mount.
func agentVolumes() []corev1.Volume {
	return []corev1.Volume{
		{Name: naming.AgentVolume, VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(agentVolumeSize)},
		}},
		MemoryVolume(naming.RunVolume, ptr.To(runVolumeSize)),
	}
}

// certsVolumeSize is room for a few chains and long bundles.
var certsVolumeSize = resource.MustParse("4Mi")

// CertsVolume is where the agent puts certificates and their keys: in memory.
func CertsVolume() corev1.Volume { return MemoryVolume(naming.CertsVolume, ptr.To(certsVolumeSize)) }

// EmptyVolume is a directory on the node that goes with the pod.
func EmptyVolume(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

// MemoryVolume is a directory in memory; what it holds counts as the pod's memory. A nil size is no limit of its own.
func MemoryVolume(name string, size *resource.Quantity) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: size},
	}}
}
