package blocks

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// Pod is what a kind says about its pods; Template adds the agent, the user's wishes and what the restricted Pod
// Security Standard asks for.
type Pod struct {
	Subject
	// User is spec.podTemplate; nil is no wish.
	User *sharedv1.PodTemplateSpec
	// Server is the server's container: name, image, ports, mounts and variables of its own. Command, probes and the
	// agent's variables are added.
	Server corev1.Container
	// AgentEnv are the agent's variables that only this kind has.
	AgentEnv []corev1.EnvVar
	// Exporter is the metrics exporter; nil is none.
	Exporter *corev1.Container
	// GitSync fetches init scripts before the server's container starts; nil is none. It has a user of its own.
	GitSync *corev1.Container
	// Volumes are those that Server and Exporter mount, except claims and the agent's.
	Volumes []corev1.Volume
	// ExtraLabels of the pods beside the offshoot labels.
	ExtraLabels map[string]string
	// RunAs is the catalog's word on the server's user.
	RunAs catalogv1alpha1.SecurityContext
	// ServiceAccount is the account's name.
	ServiceAccount string
	// GracePeriodSeconds is the default time to shut down.
	GracePeriodSeconds int64
	// AgentImage is the image that holds the agent.
	AgentImage string
}

// Template renders the pod template.
func (p Pod) Template() corev1.PodTemplateSpec {
	user := p.user()
	grace := ptr.Deref(user.Spec.TerminationGracePeriodSeconds, p.GracePeriodSeconds)
	containers := []corev1.Container{withAgent(p.Server, p.Subject, grace, p.AgentEnv)}
	if p.Exporter != nil {
		containers = append(containers, *p.Exporter)
	}
	spec := p.fromUser(user.Spec)
	spec.TerminationGracePeriodSeconds = &grace
	first := []corev1.Container{installer(p.AgentImage)}
	if p.GitSync != nil {
		first = append(first, *p.GitSync)
	}
	spec.InitContainers = p.finish(user.Spec.InitContainers, first)
	spec.Containers = p.finish(user.Spec.Containers, containers)
	spec.Volumes = add(slices.Concat(agentVolumes(), p.Volumes), user.Spec.Volumes, func(v corev1.Volume) string { return v.Name })
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      p.podLabels(user.Labels),
			Annotations: maps.Clone(user.Annotations),
		},
		Spec: spec,
	}
}

func (p Pod) user() sharedv1.PodTemplateSpec {
	if p.User == nil {
		return sharedv1.PodTemplateSpec{}
	}
	return *p.User.DeepCopy()
}

func (p Pod) podLabels(user map[string]string) map[string]string {
	labels := p.inheritable(user)
	maps.Copy(labels, p.Labels(p.ExtraLabels))
	return labels
}

// finish lays the user's wishes over our containers, appends the user's own and completes all of them.
func (p Pod) finish(user, ours []corev1.Container) []corev1.Container {
	out := make([]corev1.Container, 0, len(ours)+len(user))
	for _, c := range ours {
		defaults := c.Resources
		c.Resources = corev1.ResourceRequirements{}
		c = overlay(c, find(user, c.Name))
		c.Resources = FillResources(c.Resources, defaults)
		c.SecurityContext = containerSecurity(c.SecurityContext, p.RunAs.RunAsUser)
		c.ResizePolicy = resizePolicy()
		out = append(out, c)
	}
	for _, c := range added(user, ours) {
		c.Ports = withProtocol(c.Ports)
		c.SecurityContext = containerSecurity(c.SecurityContext, nil)
		out = append(out, c)
	}
	return out
}

// fromUser takes over what concerns the pod as a whole. Sharing one process table is not among it: the agent must be
// process 1 of its container. Neither are ephemeral containers: a pod cannot be created with one.
func (p Pod) fromUser(user sharedv1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		RestartPolicy:                user.RestartPolicy,
		ActiveDeadlineSeconds:        user.ActiveDeadlineSeconds,
		DNSPolicy:                    user.DNSPolicy,
		DNSConfig:                    user.DNSConfig,
		NodeSelector:                 user.NodeSelector,
		NodeName:                     user.NodeName,
		ServiceAccountName:           p.ServiceAccount,
		AutomountServiceAccountToken: ptr.To(true), // the agent talks to the API server
		HostNetwork:                  user.HostNetwork,
		HostPID:                      user.HostPID,
		HostIPC:                      user.HostIPC,
		HostUsers:                    user.HostUsers,
		HostAliases:                  user.HostAliases,
		SecurityContext:              podSecurity(user.SecurityContext, p.RunAs.RunAsUser),
		ImagePullSecrets:             user.ImagePullSecrets,
		SchedulerName:                user.SchedulerName,
		Tolerations:                  user.Tolerations,
		PriorityClassName:            user.PriorityClassName,
		Priority:                     user.Priority,
		PreemptionPolicy:             user.PreemptionPolicy,
		ReadinessGates:               user.ReadinessGates,
		RuntimeClassName:             user.RuntimeClassName,
		EnableServiceLinks:           user.EnableServiceLinks,
		Overhead:                     user.Overhead,
		SetHostnameAsFQDN:            user.SetHostnameAsFQDN,
		OS:                           user.OS,
	}
}

// ServiceAccountName returns the account that the user chose, or the instance's own.
func ServiceAccountName(s Subject, user *sharedv1.PodTemplateSpec) string {
	if user != nil && user.Spec.ServiceAccountName != "" {
		return user.Spec.ServiceAccountName
	}
	return s.Name()
}
