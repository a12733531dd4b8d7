package v1

import (
	corev1 "k8s.io/api/core/v1"
)

// MonitoringAgent says how Prometheus finds the exporter.
// +kubebuilder:validation:Enum=prometheus.io/operator;prometheus.io;prometheus.io/builtin
type MonitoringAgent string

const (
	// MonitoringAgentPrometheusOperator creates a ServiceMonitor.
	MonitoringAgentPrometheusOperator MonitoringAgent = "prometheus.io/operator"
	// MonitoringAgentPrometheus is a Prometheus that needs nothing but the Service.
	MonitoringAgentPrometheus MonitoringAgent = "prometheus.io"
	// MonitoringAgentPrometheusBuiltin annotates the Service for Prometheus' own discovery.
	MonitoringAgentPrometheusBuiltin MonitoringAgent = "prometheus.io/builtin"
)

// MonitoringSpec asks for an exporter beside each member. Its presence adds the exporter and the stats Service.
type MonitoringSpec struct {
	// Agent is how Prometheus finds the exporter.
	// +optional
	Agent MonitoringAgent `json:"agent,omitempty"`

	// Prometheus tunes exporter and ServiceMonitor.
	// +optional
	Prometheus *PrometheusSpec `json:"prometheus,omitempty"`
}

// PrometheusSpec tunes exporter and ServiceMonitor.
type PrometheusSpec struct {
	// Exporter is the exporter container.
	// +optional
	Exporter PrometheusExporterSpec `json:"exporter,omitzero"`

	// ServiceMonitor is used with the agent prometheus.io/operator.
	// +optional
	ServiceMonitor *ServiceMonitorSpec `json:"serviceMonitor,omitempty"`
}

// PrometheusExporterSpec is the exporter container.
type PrometheusExporterSpec struct {
	// Port on which metrics are served, 1024 to 65535.
	// +optional
	// +kubebuilder:default=56790
	Port int32 `json:"port,omitempty"`

	// Args are added to the exporter's arguments.
	// +optional
	Args []string `json:"args,omitempty"`

	// Env is added to the exporter's environment.
	// +optional
	Env []corev1.EnvVar `json:"env,omitempty"`

	// Resources of the exporter.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitzero"`

	// SecurityContext of the exporter.
	// +optional
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
}

// ServiceMonitorSpec is what a user may say about the ServiceMonitor.
type ServiceMonitorSpec struct {
	// Labels by which a Prometheus selects the ServiceMonitor.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Interval between scrapes, as Prometheus writes it.
	// +optional
	Interval string `json:"interval,omitempty"`

	// TargetLabels are labels of the Service that become labels of the metrics.
	// +optional
	TargetLabels []string `json:"targetLabels,omitempty"`

	// PodTargetLabels are labels of the pods that become labels of the metrics.
	// +optional
	PodTargetLabels []string `json:"podTargetLabels,omitempty"`

	// Endpoints add relabelling to an endpoint.
	// +optional
	Endpoints []ServiceMonitorEndpoint `json:"endpoints,omitempty"`
}

// ServiceMonitorEndpoint adds relabelling to the endpoint of a port.
type ServiceMonitorEndpoint struct {
	// Port is the name of the Service port.
	// +optional
	Port string `json:"port,omitempty"`

	// MetricRelabelings are applied to samples.
	// +optional
	MetricRelabelings []RelabelConfig `json:"metricRelabelings,omitempty"`

	// Relabelings are applied to targets.
	// +optional
	Relabelings []RelabelConfig `json:"relabelings,omitempty"`
}

// RelabelConfig is one relabelling rule of Prometheus. It is not prometheus-operator's type because newer versions of
// that restrict label names further, which would refuse manifests that are accepted today.
type RelabelConfig struct {
	// SourceLabels are joined to the value that regex is matched with.
	// +optional
	SourceLabels []string `json:"sourceLabels,omitempty"`

	// Separator between the source labels.
	// +optional
	Separator *string `json:"separator,omitempty"`

	// TargetLabel gets the result.
	// +optional
	TargetLabel string `json:"targetLabel,omitempty"`

	// Regex is matched with the joined value.
	// +optional
	Regex string `json:"regex,omitempty"`

	// Modulus of the hash for the action HashMod.
	// +optional
	Modulus int64 `json:"modulus,omitempty"`

	// Replacement may use the groups of regex.
	// +optional
	Replacement *string `json:"replacement,omitempty"`

	// Action to take; either case is accepted.
	// +optional
	// +kubebuilder:validation:Enum=replace;Replace;keep;Keep;drop;Drop;hashmod;HashMod;labelmap;LabelMap;labeldrop;LabelDrop;labelkeep;LabelKeep;lowercase;Lowercase;uppercase;Uppercase;keepequal;KeepEqual;dropequal;DropEqual
	// +kubebuilder:default=replace
	Action string `json:"action,omitempty"`
}
