package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// ObjectMeta is the metadata that a template passes on.
type ObjectMeta struct {
	// Labels to add.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Annotations to add.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PodTemplateSpec is what a user may say about the pods of a database or pooler.
type PodTemplateSpec struct {
	// ObjectMeta goes to the pods.
	// +optional
	ObjectMeta `json:"metadata,omitzero"`

	// Controller is the metadata for the PetSet.
	// +optional
	Controller ObjectMeta `json:"controller,omitzero"`

	// Spec is laid over the pod that the operator builds.
	// +optional
	Spec PodSpec `json:"spec,omitzero"`
}

// PodSpec is the part of corev1.PodSpec that a user may set, and the placement policy. A container is matched with one
// of the operator's by its name; a container of an unknown name becomes a sidecar.
type PodSpec struct {
	// PodPlacementPolicy is the PlacementPolicy that spreads the pods.
	// +optional
	// +kubebuilder:default={name:"default"}
	PodPlacementPolicy *corev1.LocalObjectReference `json:"podPlacementPolicy,omitempty"`

	// Containers to change or to add.
	// +optional
	Containers []corev1.Container `json:"containers,omitempty"`

	// InitContainers to change or to add.
	// +optional
	InitContainers []corev1.Container `json:"initContainers,omitempty"`

	// EphemeralContainers is accepted for compatibility; a pod cannot be created with one.
	// +optional
	EphemeralContainers []corev1.EphemeralContainer `json:"ephemeralContainers,omitempty"`

	// Volumes to add.
	// +optional
	Volumes []corev1.Volume `json:"volumes,omitempty"`

	// RestartPolicy of the containers.
	// +optional
	RestartPolicy corev1.RestartPolicy `json:"restartPolicy,omitempty"`

	// TerminationGracePeriodSeconds is the time between the request to stop and the kill.
	// +optional
	TerminationGracePeriodSeconds *int64 `json:"terminationGracePeriodSeconds,omitempty"`

	// ActiveDeadlineSeconds is the time after which the pod is failed.
	// +optional
	ActiveDeadlineSeconds *int64 `json:"activeDeadlineSeconds,omitempty"`

	// DNSPolicy of the pod.
	// +optional
	DNSPolicy corev1.DNSPolicy `json:"dnsPolicy,omitempty"`

	// NodeSelector restricts the nodes by label.
	// +optional
	// +mapType=atomic
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// ServiceAccountName is used as it is when it exists and is created with its role when it does not.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// AutomountServiceAccountToken says whether containers get the token.
	// +optional
	AutomountServiceAccountToken *bool `json:"automountServiceAccountToken,omitempty"`

	// NodeName binds the pod to a node, past the scheduler.
	// +optional
	NodeName string `json:"nodeName,omitempty"`

	// HostNetwork uses the network of the node.
	// +optional
	HostNetwork bool `json:"hostNetwork,omitempty"`

	// HostPID uses the process table of the node.
	// +optional
	HostPID bool `json:"hostPID,omitempty"`

	// HostIPC uses the IPC namespace of the node.
	// +optional
	HostIPC bool `json:"hostIPC,omitempty"`

	// ShareProcessNamespace puts all containers in one process table.
	// +optional
	ShareProcessNamespace *bool `json:"shareProcessNamespace,omitempty"`

	// SecurityContext of the pod.
	// +optional
	SecurityContext *corev1.PodSecurityContext `json:"securityContext,omitempty"`

	// ImagePullSecrets for the images of the pod.
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// SchedulerName is the scheduler that places the pod.
	// +optional
	SchedulerName string `json:"schedulerName,omitempty"`

	// Tolerations of node taints.
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// HostAliases are entries for /etc/hosts.
	// +optional
	HostAliases []corev1.HostAlias `json:"hostAliases,omitempty"`

	// PriorityClassName is the PriorityClass of the pod.
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// Priority as a number; normally filled in from the class.
	// +optional
	Priority *int32 `json:"priority,omitempty"`

	// DNSConfig adds to what the DNS policy yields.
	// +optional
	DNSConfig *corev1.PodDNSConfig `json:"dnsConfig,omitempty"`

	// ReadinessGates are further conditions for the pod to be ready.
	// +optional
	ReadinessGates []corev1.PodReadinessGate `json:"readinessGates,omitempty"`

	// RuntimeClassName is the RuntimeClass of the pod.
	// +optional
	RuntimeClassName *string `json:"runtimeClassName,omitempty"`

	// EnableServiceLinks puts the Services of the namespace into the environment.
	// +optional
	EnableServiceLinks *bool `json:"enableServiceLinks,omitempty"`

	// PreemptionPolicy says whether the pod may push out others.
	// +optional
	PreemptionPolicy *corev1.PreemptionPolicy `json:"preemptionPolicy,omitempty"`

	// Overhead is what the runtime class costs.
	// +optional
	Overhead corev1.ResourceList `json:"overhead,omitempty"`

	// SetHostnameAsFQDN makes the full name the host name.
	// +optional
	SetHostnameAsFQDN *bool `json:"setHostnameAsFQDN,omitempty"`

	// OS of the pod.
	// +optional
	OS *corev1.PodOS `json:"os,omitempty"`

	// HostUsers false gives the pod a user namespace of its own.
	// +optional
	HostUsers *bool `json:"hostUsers,omitempty"`
}
