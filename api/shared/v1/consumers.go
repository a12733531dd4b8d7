package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AllowedConsumers says whose schemas a database takes.
type AllowedConsumers struct {
	// Namespaces from which consumers are taken.
	// +optional
	// +kubebuilder:default={from:Same}
	Namespaces *ConsumerNamespaces `json:"namespaces,omitempty"`

	// Selector restricts the consumers by label.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// NamespacesFrom says which namespaces are meant.
// +kubebuilder:validation:Enum=All;Selector;Same
type NamespacesFrom string

const (
	// NamespacesFromAll means every namespace.
	NamespacesFromAll NamespacesFrom = "All"
	// NamespacesFromSelector means the namespaces that the selector matches.
	NamespacesFromSelector NamespacesFrom = "Selector"
	// NamespacesFromSame means the database's own namespace.
	NamespacesFromSame NamespacesFrom = "Same"
)

// ConsumerNamespaces are the namespaces from which consumers are taken.
type ConsumerNamespaces struct {
	// From says how namespaces are chosen.
	// +optional
	// +kubebuilder:default=Same
	From NamespacesFrom `json:"from,omitempty"`

	// Selector is used with from: Selector.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}
