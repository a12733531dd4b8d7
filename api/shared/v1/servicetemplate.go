package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// ServiceAlias says which Service a template is for. The last two belong to v1alpha2 only.
// +kubebuilder:validation:Enum=primary;standby;stats;dashboard;secondary
type ServiceAlias string

const (
	// ServiceAliasPrimary is the Service that clients write to.
	ServiceAliasPrimary ServiceAlias = "primary"
	// ServiceAliasStandby is the Service of the members that only read.
	ServiceAliasStandby ServiceAlias = "standby"
	// ServiceAliasStats is the Service of the metrics exporter.
	ServiceAliasStats ServiceAlias = "stats"
	// ServiceAliasDashboard has no Service here; accepted in v1alpha2.
	ServiceAliasDashboard ServiceAlias = "dashboard"
	// ServiceAliasSecondary has no Service here; accepted in v1alpha2.
	ServiceAliasSecondary ServiceAlias = "secondary"
)

// NamedServiceTemplateSpec is the template of one of the Services.
type NamedServiceTemplateSpec struct {
	// Alias is the Service that the template is for.
	// +required
	Alias ServiceAlias `json:"alias,omitempty"`

	// ServiceTemplateSpec is the template.
	ServiceTemplateSpec `json:",inline"`
}

// ServiceTemplateSpec is what a user may say about a Service.
type ServiceTemplateSpec struct {
	// ObjectMeta goes to the Service.
	// +optional
	ObjectMeta `json:"metadata,omitzero"`

	// Spec is laid over the Service that the operator builds.
	// +optional
	Spec ServiceSpec `json:"spec,omitzero"`
}

// ServiceSpec is the part of corev1.ServiceSpec that a user may set.
type ServiceSpec struct {
	// Ports are matched with the Service's by port number, to fix a node port.
	// +optional
	Ports []ServicePort `json:"ports,omitempty"`

	// ClusterIP of the Service; None makes it headless.
	// +optional
	ClusterIP string `json:"clusterIP,omitempty"`

	// Type of the Service.
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`

	// ExternalIPs for which nodes accept traffic.
	// +optional
	ExternalIPs []string `json:"externalIPs,omitempty"`

	// LoadBalancerIP asks the load balancer for an address.
	// +optional
	LoadBalancerIP string `json:"loadBalancerIP,omitempty"`

	// LoadBalancerSourceRanges limits who may use the load balancer.
	// +optional
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`

	// ExternalTrafficPolicy says how nodes spread outside traffic.
	// +optional
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`

	// HealthCheckNodePort for externalTrafficPolicy Local.
	// +optional
	HealthCheckNodePort int32 `json:"healthCheckNodePort,omitempty"`

	// SessionAffinityConfig tunes session affinity.
	// +optional
	SessionAffinityConfig *corev1.SessionAffinityConfig `json:"sessionAffinityConfig,omitempty"`
}

// ServicePort fixes the node port of a Service port.
type ServicePort struct {
	// Name of the port.
	// +optional
	Name string `json:"name,omitempty"`

	// Port of the Service.
	// +required
	Port int32 `json:"port,omitempty"`

	// NodePort on every node.
	// +optional
	NodePort int32 `json:"nodePort,omitempty"`
}
