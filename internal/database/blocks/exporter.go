package blocks

import (
	"fmt"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// metricsPath is where every exporter serves.
const metricsPath = "/metrics"

// Exporter is what a kind says about its metrics exporter.
type Exporter struct {
	Subject
	// Monitor is spec.monitor; nil means no exporter.
	Monitor   *sharedv1.MonitoringSpec
	Templates []sharedv1.NamedServiceTemplateSpec
	Image     string
	// DefaultPort is used unless the user names one.
	DefaultPort int32
	Env         []corev1.EnvVar
	Mounts      []corev1.VolumeMount
}

// Port returns the port that metrics are served on.
func (e Exporter) Port() int32 {
	if e.Monitor != nil && e.Monitor.Prometheus != nil && e.Monitor.Prometheus.Exporter.Port != 0 {
		return e.Monitor.Prometheus.Exporter.Port
	}
	return e.DefaultPort
}

// Container renders the exporter's container, nil without monitoring. All exporters take the same flag for their port, and
// each has another default. The user's part is laid over it: first
// spec.monitor, then a container of that name in the pod template.
func (e Exporter) Container() *corev1.Container {
	if e.Monitor == nil {
		return nil
	}
	var user sharedv1.PrometheusExporterSpec
	if e.Monitor.Prometheus != nil {
		user = e.Monitor.Prometheus.Exporter
	}
	return &corev1.Container{
		Name:            naming.ContainerExporter,
		Image:           e.Image,
		Args:            append([]string{fmt.Sprintf("--web.listen-address=:%d", e.Port())}, user.Args...),
		Env:             add(e.Env, user.Env, func(v corev1.EnvVar) string { return v.Name }),
		Ports:           []corev1.ContainerPort{{Name: naming.MetricsPortName, ContainerPort: e.Port(), Protocol: corev1.ProtocolTCP}},
		Resources:       FillResources(user.Resources, exporterResources()),
		SecurityContext: user.SecurityContext,
		VolumeMounts:    e.Mounts,
	}
}

// AddTo adds the stats Service and, if the user's Prometheus is run by the Prometheus operator, the ServiceMonitor.
// What is not asked for must not exist.
func (e Exporter) AddTo(d *database.Desired) {
	if e.Monitor == nil {
		d.Absent = append(d.Absent, &corev1.Service{ObjectMeta: e.Ref(e.serviceName())})
	} else {
		d.Services = append(d.Services, e.service())
	}
	if e.Monitor != nil && e.Monitor.Agent == sharedv1.MonitoringAgentPrometheusOperator {
		d.Monitors = append(d.Monitors, e.monitor())
	} else {
		d.Absent = append(d.Absent, &monitoringv1.ServiceMonitor{ObjectMeta: e.Ref(e.serviceName())})
	}
}

func (e Exporter) serviceName() string { return naming.StatsService(e.Name()) }

func (e Exporter) service() *corev1.Service {
	annotations := map[string]string{naming.MonitoringAgentLabel: string(e.Monitor.Agent)}
	if e.Monitor.Agent == sharedv1.MonitoringAgentPrometheusBuiltin {
		annotations["prometheus.io/scrape"] = "true"
		annotations["prometheus.io/path"] = metricsPath
		annotations["prometheus.io/port"] = fmt.Sprint(e.Port())
	}
	return Service{
		Subject: e.Subject, Name: e.serviceName(),
		Alias: sharedv1.ServiceAliasStats, Templates: e.Templates,
		Ports:       []corev1.ServicePort{Port(naming.MetricsPortName, e.Port(), naming.MetricsPortName)},
		ExtraLabels: map[string]string{naming.LabelRole: naming.RoleStats},
		Annotations: annotations,
	}.Build()
}

func (e Exporter) monitor() client.Object {
	var user sharedv1.ServiceMonitorSpec
	if e.Monitor.Prometheus != nil && e.Monitor.Prometheus.ServiceMonitor != nil {
		user = *e.Monitor.Prometheus.ServiceMonitor
	}
	meta := e.Meta(e.serviceName())
	for k, v := range user.Labels {
		meta.Labels[k] = v
	}
	endpoint := monitoringv1.Endpoint{
		Port: naming.MetricsPortName, Path: metricsPath, HonorLabels: true,
		Interval: monitoringv1.Duration(user.Interval),
	}
	for _, extra := range user.Endpoints {
		if extra.Port == "" || extra.Port == naming.MetricsPortName {
			endpoint.RelabelConfigs = append(endpoint.RelabelConfigs, relabel(extra.Relabelings)...)
			endpoint.MetricRelabelConfigs = append(endpoint.MetricRelabelConfigs, relabel(extra.MetricRelabelings)...)
		}
	}
	selector := e.Selector()
	selector[naming.LabelRole] = naming.RoleStats
	return &monitoringv1.ServiceMonitor{
		ObjectMeta: meta,
		Spec: monitoringv1.ServiceMonitorSpec{
			Selector:          metav1.LabelSelector{MatchLabels: selector},
			NamespaceSelector: monitoringv1.NamespaceSelector{MatchNames: []string{e.Namespace()}},
			TargetLabels:      user.TargetLabels,
			PodTargetLabels:   user.PodTargetLabels,
			Endpoints:         []monitoringv1.Endpoint{endpoint},
		},
	}
}

func relabel(rules []sharedv1.RelabelConfig) []monitoringv1.RelabelConfig {
	out := make([]monitoringv1.RelabelConfig, 0, len(rules))
	for _, r := range rules {
		sources := make([]monitoringv1.LabelName, 0, len(r.SourceLabels))
		for _, l := range r.SourceLabels {
			sources = append(sources, monitoringv1.LabelName(l))
		}
		out = append(out, monitoringv1.RelabelConfig{
			SourceLabels: sources, Separator: r.Separator, TargetLabel: r.TargetLabel, Regex: r.Regex,
			Modulus: r.Modulus, Replacement: r.Replacement, Action: r.Action,
		})
	}
	return out
}
