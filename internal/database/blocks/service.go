package blocks

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Service is what a kind says about one of its Services.
type Service struct {
	Subject
	Name string
	// Alias finds the user's template; empty means that there can be none.
	Alias     sharedv1.ServiceAlias
	Templates []sharedv1.NamedServiceTemplateSpec
	Ports     []corev1.ServicePort
	// Selector is added to the instance's selector, such as the role.
	Selector map[string]string
	// ExtraLabels and Annotations of the Service itself, beside the offshoot labels.
	ExtraLabels map[string]string
	Annotations map[string]string
}

// Port is a TCP port of a Service that goes to the named port of the pods.
func Port(name string, port int32, target string) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: port, TargetPort: intstr.FromString(target), Protocol: corev1.ProtocolTCP}
}

// Build renders a Service that balances over its ready pods.
func (s Service) Build() *corev1.Service {
	template := s.template()
	meta := s.Meta(s.Name)
	meta.Labels = s.inheritable(template.Labels)
	maps.Copy(meta.Labels, s.Labels(s.ExtraLabels))
	meta.Annotations = maps.Clone(template.Annotations)
	if meta.Annotations == nil && len(s.Annotations) > 0 {
		meta.Annotations = map[string]string{}
	}
	maps.Copy(meta.Annotations, s.Annotations)
	user := template.Spec
	return &corev1.Service{
		ObjectMeta: meta,
		Spec: corev1.ServiceSpec{
			Type:                     serviceType(user.Type),
			Selector:                 s.selector(),
			Ports:                    withNodePorts(s.Ports, user.Ports),
			ClusterIP:                user.ClusterIP,
			ExternalIPs:              user.ExternalIPs,
			LoadBalancerIP:           user.LoadBalancerIP,
			LoadBalancerSourceRanges: user.LoadBalancerSourceRanges,
			ExternalTrafficPolicy:    user.ExternalTrafficPolicy,
			HealthCheckNodePort:      user.HealthCheckNodePort,
			SessionAffinityConfig:    user.SessionAffinityConfig,
			SessionAffinity:          affinity(user.SessionAffinityConfig),
		},
	}
}

// Governing renders the headless Service that gives each pod its DNS name, before the pod is ready too.
func Governing(s Subject, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: s.Meta(naming.GoverningService(s.Name())),
		Spec: corev1.ServiceSpec{
			Type:                     corev1.ServiceTypeClusterIP,
			ClusterIP:                corev1.ClusterIPNone,
			Selector:                 s.Selector(),
			Ports:                    ports,
			PublishNotReadyAddresses: true,
		},
	}
}

func (s Service) template() sharedv1.ServiceTemplateSpec {
	for _, t := range s.Templates {
		if s.Alias != "" && t.Alias == s.Alias {
			return t.ServiceTemplateSpec
		}
	}
	return sharedv1.ServiceTemplateSpec{}
}

func (s Service) selector() map[string]string {
	selector := s.Subject.Selector()
	maps.Copy(selector, s.Selector)
	return selector
}

// serviceType is explicit, so that a type that the user no longer asks for is taken back.
func serviceType(user corev1.ServiceType) corev1.ServiceType {
	if user == "" {
		return corev1.ServiceTypeClusterIP
	}
	return user
}

func affinity(config *corev1.SessionAffinityConfig) corev1.ServiceAffinity {
	if config == nil {
		return ""
	}
	return corev1.ServiceAffinityClientIP
}

// withNodePorts fixes the node ports that the user chose, matched by port number.
func withNodePorts(ports []corev1.ServicePort, user []sharedv1.ServicePort) []corev1.ServicePort {
	out := make([]corev1.ServicePort, len(ports))
	for i, port := range ports {
		for _, u := range user {
			if u.Port == port.Port {
				port.NodePort = u.NodePort
			}
		}
		out[i] = port
	}
	return out
}
