package blocks

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database/scripts"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Scripts are the user's init scripts.
type Scripts struct {
	// Init is spec.init, which was checked; nil is no scripts.
	Init *sharedv1.InitSpec
	// Image of git-sync.
	Image string
	// Volume is the name of the volume with the scripts, Mount where the server's container has it.
	Volume, Mount string
	// Run has the agent run the scripts: it has the whole volume and is told where they are. Otherwise only what
	// spec.init.script.scriptPath names is mounted.
	Run bool
}

// gitSyncUser is the user of git-sync's own images, who is in their list of users, as ssh needs it.
const gitSyncUser = 65533

// AddTo puts the scripts into the pod: a volume, or an init container that fetches them from git into one. The
// server's container has it read-only.
func (s Scripts) AddTo(pod *Pod) {
	if s.Init == nil || s.Init.Script == nil {
		return
	}
	source := s.Init.Script
	plan, _ := scripts.Of(source)
	mount := corev1.VolumeMount{Name: s.Volume, MountPath: s.Mount, ReadOnly: true}
	pod.Volumes = slices.Clone(pod.Volumes)
	if source.Git == nil {
		pod.Volumes = append(pod.Volumes, corev1.Volume{Name: s.Volume, VolumeSource: source.VolumeSource})
	} else {
		pod.Volumes = append(pod.Volumes, EmptyVolume(s.Volume))
		if secret := source.Git.AuthSecret; secret != nil {
			pod.Volumes = append(pod.Volumes, gitSecret(secret.Name))
		}
		pod.GitSync = s.gitSync(*pod, source.Git, plan)
	}
	if s.Run {
		place := path.Join(s.Mount, plan.Path)
		pod.AgentEnv = append(slices.Clone(pod.AgentEnv), corev1.EnvVar{Name: naming.EnvInitScripts, Value: place})
	} else {
		mount.SubPath = plan.Path
	}
	pod.Server.VolumeMounts = append(slices.Clone(pod.Server.VolumeMounts), mount)
}

// gitSync is the init container. The agent in it decides whether the scripts are needed at all, so that a pod starts
// while the git server is away; what git-sync says when it fails is found in the pod's status.
func (s Scripts) gitSync(pod Pod, git *sharedv1.GitSource, plan scripts.Plan) *corev1.Container {
	security := git.SecurityContext.DeepCopy()
	if security == nil {
		security = &corev1.SecurityContext{}
	}
	if security.RunAsUser == nil {
		security.RunAsUser = ptr.To[int64](gitSyncUser)
		fill(&security.RunAsGroup, security.RunAsUser)
	}
	name := func(e corev1.EnvVar) string { return e.Name }
	env := []corev1.EnvVar{
		fieldEnv(naming.EnvPodNamespace, "metadata.namespace"),
		{Name: naming.EnvConfigSecret, Value: naming.ConfigSecret(pod.Name(), string(pod.Object.GetUID()))},
		{Name: naming.EnvInitScripts, Value: path.Join(plan.Root, plan.Path)},
	}
	for _, e := range pod.AgentEnv {
		if e.Name == naming.EnvLease {
			env = append(env, e)
		}
	}
	c := &corev1.Container{
		Name:    naming.GitSyncContainer,
		Image:   s.Image,
		Command: []string{naming.AgentBinary, "git-sync"},
		Args:    git.Args,
		Env:     add(append(env, plan.Env...), git.Env, name),
		VolumeMounts: []corev1.VolumeMount{
			{Name: naming.AgentVolume, MountPath: naming.AgentDir, ReadOnly: true},
			{Name: s.Volume, MountPath: plan.Root},
		},
		Resources:                FillResources(git.Resources, gitSyncResources()),
		SecurityContext:          security,
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
	if git.AuthSecret != nil {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: naming.GitSecretVolume, MountPath: naming.GitSecretDir, ReadOnly: true})
	}
	return c
}

// gitSecret holds the credentials for the repository. It is optional: a pod that needs no scripts any more must start
// without it, and one that does is told by git-sync what is missing. ssh refuses a key that others may read.
func gitSecret(name string) corev1.Volume {
	return corev1.Volume{Name: naming.GitSecretVolume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
		SecretName: name, DefaultMode: ptr.To[int32](0o400), Optional: ptr.To(true),
	}}}
}
