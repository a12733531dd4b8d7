package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PlacementPolicyKind is the kind of a PlacementPolicy.
const PlacementPolicyKind = "PlacementPolicy"

// PlacementPolicy says where the pods of a PetSet go. It is applied to each pod when that pod is created; pods that exist
// are not moved.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=placementpolicies,singular=placementpolicy,scope=Cluster
type PlacementPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the placement.
	// +optional
	Spec PlacementPolicySpec `json:"spec,omitempty"`
}

// PlacementPolicySpec lists the constraints; each present one is applied.
type PlacementPolicySpec struct {
	// ZoneSpreadConstraint spreads the pods over zones (topology.kubernetes.io/zone).
	// +optional
	ZoneSpreadConstraint *SpreadConstraint `json:"zoneSpreadConstraint,omitempty"`

	// NodeSpreadConstraint spreads the pods over nodes (kubernetes.io/hostname).
	// +optional
	NodeSpreadConstraint *SpreadConstraint `json:"nodeSpreadConstraint,omitempty"`

	// Affinity assigns pods to node domains.
	// +optional
	Affinity *Affinity `json:"affinity,omitempty"`

	// ClusterSpreadConstraint assigns pods to clusters. Only meaningful to distributed sets, which are not supported yet.
	// +optional
	ClusterSpreadConstraint *ClusterSpreadConstraint `json:"clusterSpreadConstraint,omitempty"`
}

// SpreadConstraint becomes a topology spread constraint of each pod; with DoNotSchedule also a required pod anti-affinity,
// so no two pods share a domain.
type SpreadConstraint struct {
	// MaxSkew is the largest difference in pod count between two domains.
	// +kubebuilder:default=1
	MaxSkew int32 `json:"maxSkew"`

	// WhenUnsatisfiable is DoNotSchedule or ScheduleAnyway.
	// +kubebuilder:default=DoNotSchedule
	WhenUnsatisfiable corev1.UnsatisfiableConstraintAction `json:"whenUnsatisfiable"`
}

// Affinity holds the rules that tie pods to parts of the cluster.
type Affinity struct {
	// NodeAffinity rules; every rule is applied to each pod.
	// +optional
	NodeAffinity []NodeAffinityRule `json:"nodeAffinity,omitempty"`
}

// NodeAffinityRule shares the pods out over domains of nodes: the first domain that has not got its number of pods yet takes
// the next ordinal.
type NodeAffinityRule struct {
	// TopologyKey is the node label whose values make up the domains.
	TopologyKey string `json:"topologyKey"`

	// Domains in the order in which they are filled.
	Domains []AffinityDomain `json:"domains"`

	// WhenUnsatisfiable is DoNotSchedule, the pod must be in its domain, or ScheduleAnyway, it prefers to be.
	// +kubebuilder:default=DoNotSchedule
	WhenUnsatisfiable corev1.UnsatisfiableConstraintAction `json:"whenUnsatisfiable"`

	// Weight of the preference with ScheduleAnyway, 1 to 100.
	// +kubebuilder:default=50
	Weight int32 `json:"weight"`
}

// AffinityDomain is a group of node label values and the number of pods that belong there.
type AffinityDomain struct {
	// Values of the topology key.
	Values []string `json:"values"`

	// Replicas is how many pods this domain takes: a number, or a CEL expression over obj, the PetSet, such as
	// obj.spec.replicas/2+1. Empty means all that are left.
	Replicas string `json:"replicas"`
}

// ClusterSpreadConstraint places the pods of a distributed set.
type ClusterSpreadConstraint struct {
	// DistributionRules say which ordinals run in which cluster.
	DistributionRules []DistributionRule `json:"distributionRules"`

	// Slice is the network that connects the clusters.
	Slice ProjectSlice `json:"slice"`
}

// DistributionRule assigns ordinals to one cluster.
type DistributionRule struct {
	// ClusterName names the cluster.
	ClusterName string `json:"clusterName"`

	// ReplicaIndices are the ordinals that run there.
	ReplicaIndices []int32 `json:"replicaIndices"`

	// StorageClassName replaces the claims' storage class in that cluster.
	// +optional
	StorageClassName string `json:"storageClassName,omitempty"`

	// Monitoring says how to reach the monitoring of that cluster.
	// +optional
	Monitoring *ClusterMonitoring `json:"monitoring,omitempty"`
}

// ClusterMonitoring is the monitoring of one cluster.
type ClusterMonitoring struct {
	// Prometheus of that cluster.
	// +optional
	Prometheus *PrometheusConnection `json:"prometheus,omitempty"`
}

// PrometheusConnection says where a Prometheus is and how to authenticate to it.
type PrometheusConnection struct {
	// AppBindingRef names an AppBinding that describes the server.
	// +optional
	AppBindingRef *NamespacedReference `json:"appBindingRef,omitempty"`

	// URL of the server: [scheme://]host:port/path.
	// +optional
	URL string `json:"url,omitempty"`

	// InsecureSkipTLSVerify turns off verification of the server's certificate. Prefer caBundle.
	// +optional
	InsecureSkipTLSVerify bool `json:"insecureSkipTLSVerify,omitempty"`

	// CABundle are the PEM certificates that the server's certificate is verified with.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// ServerName is the name expected in the server's certificate, where it is not that of the URL.
	// +optional
	ServerName string `json:"serverName,omitempty"`

	// AuthSecret names the Secret with the credentials.
	// +optional
	AuthSecret *NamespacedReference `json:"authSecret,omitempty"`

	// TLSSecret names the Secret with the client certificate and key.
	// +optional
	TLSSecret *NamespacedReference `json:"tlsSecret,omitempty"`
}

// NamespacedReference names an object, in the referring object's namespace unless another is given.
type NamespacedReference struct {
	// Namespace of the object.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// Name of the object.
	Name string `json:"name"`
}

// ProjectSlice names a network slice.
type ProjectSlice struct {
	// ProjectNamespace is the namespace of the slice's project.
	ProjectNamespace string `json:"projectNamespace"`

	// SliceName names the slice.
	SliceName string `json:"sliceName"`
}

// PlacementPolicyList is a list of PlacementPolicies.
//
// +kubebuilder:object:root=true
type PlacementPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PlacementPolicy `json:"items"`
}
