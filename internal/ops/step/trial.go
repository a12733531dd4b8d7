package step

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// trialRequests are what a trial asks of a node; its limits are those of the server.
var trialRequests = corev1.ResourceList{
	corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi"),
}

// trialSeconds is when Kubernetes ends a trial by itself, should nobody be left to do it.
const trialSeconds = 300

// trial makes the throwaway pod out of the pod template that the operation brings, and the Secret with the candidate
// files. Image, user, security, node selection and mounts are the template's; its labels, claims, probes, other containers
// and access to the API are left out.
func (s *Scope) trial(d database.Desired) (*corev1.Pod, *corev1.Secret) {
	template := d.PetSet.Spec.Template.DeepCopy()
	spec := &template.Spec
	server := s.serverContainer(spec)
	meta := s.trialMeta()
	secret := &corev1.Secret{ObjectMeta: *meta.DeepCopy(), Type: corev1.SecretTypeOpaque, Data: map[string][]byte{}}
	items := candidateFiles(secret, naming.TrialConfig, Present(d.Config.Data))
	credentials := slices.IndexFunc(d.Secrets, func(one *corev1.Secret) bool {
		return one.Name == envOf(server, naming.EnvCredentialsSecret)
	})
	if credentials >= 0 {
		items = append(items, candidateFiles(secret, naming.TrialCredentials, Present(d.Secrets[credentials].Data))...)
	}
	if d.TLS != nil && d.TLS.Published != nil {
		items = append(items, candidateFiles(secret, naming.TrialCertificates, Present(d.TLS.Published.Data))...)
	}
	server.Command = []string{naming.AgentBinary, "check", s.Kind.Info().Kind, naming.TrialDir}
	server.Args, server.Ports, server.Lifecycle = nil, nil, nil
	server.LivenessProbe, server.ReadinessProbe, server.StartupProbe = nil, nil, nil
	server.TerminationMessagePath = corev1.TerminationMessagePathDefault
	server.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	server.ResizePolicy = nil
	lighten(server)
	server.VolumeMounts = append(server.VolumeMounts, corev1.VolumeMount{
		Name: naming.TrialVolume, MountPath: naming.TrialDir, ReadOnly: true,
	})
	spec.Containers = []corev1.Container{*server}
	spec.InitContainers = slices.DeleteFunc(spec.InitContainers, func(c corev1.Container) bool { return c.Name != naming.AgentInstaller })
	for i := range spec.InitContainers {
		spec.InitContainers[i].ResizePolicy = nil
		lighten(&spec.InitContainers[i])
	}
	for _, claim := range d.PetSet.Spec.VolumeClaimTemplates {
		spec.Volumes = append(spec.Volumes, corev1.Volume{
			Name: claim.Name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		})
	}
	spec.Volumes = append(spec.Volumes, corev1.Volume{Name: naming.TrialVolume, VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: secret.Name, Items: items, DefaultMode: ptr.To[int32](0o440)},
	}})
	spec.RestartPolicy = corev1.RestartPolicyNever
	spec.ActiveDeadlineSeconds = ptr.To[int64](trialSeconds)
	spec.TerminationGracePeriodSeconds = ptr.To[int64](1)
	spec.AutomountServiceAccountToken = ptr.To(false)
	spec.ReadinessGates, spec.Affinity, spec.TopologySpreadConstraints = nil, nil, nil
	return &corev1.Pod{ObjectMeta: meta, Spec: *spec}, secret
}

// serverContainer returns a copy of the server's container.
func (s *Scope) serverContainer(spec *corev1.PodSpec) *corev1.Container {
	at := slices.IndexFunc(spec.Containers, func(c corev1.Container) bool { return c.Name == s.Kind.Info().Container })
	return spec.Containers[max(at, 0)].DeepCopy()
}

func envOf(c *corev1.Container, name string) string {
	at := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name })
	if at < 0 {
		return ""
	}
	return c.Env[at].Value
}

// lighten lowers what a container asks of its node: a trial must find room beside the pods that serve.
func lighten(c *corev1.Container) {
	for name, little := range trialRequests {
		if asked, found := c.Resources.Requests[name]; found && asked.Cmp(little) > 0 {
			c.Resources.Requests[name] = little
		}
	}
}

// candidateFiles adds files to the Secret and says under which path the pod shall see them. A key of a Secret holds no
// slash, so the folder is part of its name.
func candidateFiles(secret *corev1.Secret, folder string, files map[string][]byte) []corev1.KeyToPath {
	var items []corev1.KeyToPath
	for name, content := range files {
		key := folder + "." + name
		secret.Data[key] = content
		items = append(items, corev1.KeyToPath{Key: key, Path: folder + "/" + name})
	}
	slices.SortFunc(items, func(a, b corev1.KeyToPath) int { return strings.Compare(a.Key, b.Key) })
	return items
}

func (s *Scope) trialMeta() metav1.ObjectMeta {
	key := s.trialKey()
	return metav1.ObjectMeta{
		Namespace: key.Namespace, Name: key.Name,
		Labels: map[string]string{naming.LabelManagedBy: naming.ManagedBy, naming.LabelTrial: string(s.Request.GetUID())},
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: opsv1alpha1.GroupVersion.String(), Kind: s.Kind.Info().OpsKind,
			Name: s.Request.GetName(), UID: s.Request.GetUID(),
		}},
	}
}

// +kubebuilder:rbac:groups="",resources=pods;secrets,verbs=create;delete

// RemoveTrial takes away what TryVersion made, if there is anything.
func RemoveTrial(ctx context.Context, c client.Client, r client.Reader, request opsv1alpha1.OpsRequest) error {
	key := client.ObjectKey{
		Namespace: request.GetNamespace(), Name: naming.Trial(request.Base().DatabaseRef.Name, string(request.GetUID())),
	}
	for _, obj := range []client.Object{&corev1.Pod{}, &corev1.Secret{}} {
		err := r.Get(ctx, key, obj)
		if apierrors.IsNotFound(err) || err == nil && obj.GetLabels()[naming.LabelTrial] != string(request.GetUID()) {
			continue
		}
		if err == nil {
			uid := obj.GetUID()
			err = c.Delete(ctx, obj, client.Preconditions{UID: &uid})
		}
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return fmt.Errorf("remove %T %s of the trial: %w", obj, key, err)
		}
	}
	return nil
}
