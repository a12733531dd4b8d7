package v1

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// PetSetKind is the kind of a PetSet.
	PetSetKind = "PetSet"

	// PodNameLabel carries a pod's own name, so that a Service can select exactly one pod.
	PodNameLabel = appsv1.StatefulSetPodNameLabel
	// PodIndexLabel carries a pod's ordinal in decimal.
	PodIndexLabel = appsv1.PodIndexLabel
	// SetLabel carries the name of the PetSet on each of its pods, claims and revisions. Caches are restricted to objects
	// that have it, so that other workloads' pods cost nothing.
	SetLabel = "matriarch.dev/petset"
	// DomainsAnnotation on a claim holds the domains of node affinity rules that its pod was assigned to when the claim was
	// made: a JSON object of topology key and values. A volume that is bound to a zone ties every later pod of its ordinal
	// to this zone, so a later pod is assigned there again whatever the numbers of the policy say by then.
	DomainsAnnotation = "matriarch.dev/domains"
	// RevisionLabel carries the name of the ControllerRevision that a pod was created from.
	RevisionLabel = appsv1.ControllerRevisionHashLabelKey
)

// PetSet runs pods with a stable identity (a name and DNS entry per ordinal) and stable storage (claims per ordinal), like
// a StatefulSet, and places each pod by a PlacementPolicy at the time it is created.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.labelSelector
// +kubebuilder:resource:path=petsets,singular=petset
type PetSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the desired set of pods.
	// +optional
	Spec PetSetSpec `json:"spec,omitempty"`
	// Status is what the controller last observed; it may lag behind by a moment.
	// +optional
	Status PetSetStatus `json:"status,omitempty"`
}

// PetSetSpec is a StatefulSet's spec plus the placement of its pods. What a StatefulSet forbids to change is forbidden here:
// it is the identity of pods that exist.
//
// +kubebuilder:validation:XValidation:rule="self.selector == oldSelf.selector",message="spec.selector cannot be changed",fieldPath=".selector"
// +kubebuilder:validation:XValidation:rule="self.serviceName == oldSelf.serviceName",message="spec.serviceName cannot be changed",fieldPath=".serviceName"
// +kubebuilder:validation:XValidation:rule="(has(self.podManagementPolicy) ? self.podManagementPolicy : 'OrderedReady') == (has(oldSelf.podManagementPolicy) ? oldSelf.podManagementPolicy : 'OrderedReady')",message="spec.podManagementPolicy cannot be changed",fieldPath=".podManagementPolicy"
// +kubebuilder:validation:XValidation:rule="(has(self.volumeClaimTemplates) ? self.volumeClaimTemplates : []).map(t, t.metadata.name) == (has(oldSelf.volumeClaimTemplates) ? oldSelf.volumeClaimTemplates : []).map(t, t.metadata.name)",message="spec.volumeClaimTemplates cannot be changed: delete the PetSet with its pods orphaned and create it again",fieldPath=".volumeClaimTemplates"
// +kubebuilder:validation:XValidation:rule="(has(self.volumeClaimTemplates) ? self.volumeClaimTemplates : []).map(t, t.spec) == (has(oldSelf.volumeClaimTemplates) ? oldSelf.volumeClaimTemplates : []).map(t, t.spec)",message="spec.volumeClaimTemplates cannot be changed: delete the PetSet with its pods orphaned and create it again",fieldPath=".volumeClaimTemplates"
type PetSetSpec struct {
	// Replicas is the desired number of pods of the template. Unset means 1.
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Selector selects the pods that this set counts and owns. It must match the template's labels and cannot be changed.
	Selector *metav1.LabelSelector `json:"selector"`

	// Template is the pod that each ordinal runs. Hostname, subdomain, identity labels, claims' volumes and placement are
	// added per ordinal.
	Template corev1.PodTemplateSpec `json:"template"`

	// VolumeClaimTemplates are the claims that each pod gets, named <template>-<pod>. A claim template takes precedence over
	// a volume of the same name in the pod template. Cannot be changed: delete the set with its pods orphaned and re-create it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	VolumeClaimTemplates []corev1.PersistentVolumeClaim `json:"volumeClaimTemplates,omitempty"`

	// ServiceName is the headless Service, made by somebody else, that gives the pods their DNS names. Cannot be changed.
	ServiceName string `json:"serviceName"`

	// PodManagementPolicy says how pods are created and removed when scaling: OrderedReady (the meaning of unset), one at a
	// time, each after its predecessor is ready, or Parallel. Cannot be changed.
	// +optional
	PodManagementPolicy appsv1.PodManagementPolicyType `json:"podManagementPolicy,omitempty"`

	// UpdateStrategy says who replaces pods after a change of the template: RollingUpdate (the meaning of unset), the
	// controller, or OnDelete, whoever deletes the pod.
	// +optional
	UpdateStrategy appsv1.StatefulSetUpdateStrategy `json:"updateStrategy,omitempty"`

	// RevisionHistoryLimit is how many unused ControllerRevisions are kept. Unset means 10.
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`

	// MinReadySeconds is for how long a pod must have been ready to count as available. Unset means 0: at once.
	// +optional
	MinReadySeconds int32 `json:"minReadySeconds,omitempty"`

	// PersistentVolumeClaimRetentionPolicy says what becomes of the claims when the set is deleted or scaled down. Unset
	// means Retain in both cases.
	// +optional
	PersistentVolumeClaimRetentionPolicy *appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy `json:"persistentVolumeClaimRetentionPolicy,omitempty"`

	// Ordinals sets the first ordinal. Unset means 0.
	// +optional
	Ordinals *appsv1.StatefulSetOrdinals `json:"ordinals,omitempty"`

	// Distributed asks for the pods to be spread over several clusters. Not supported yet: such a set creates no pod and
	// says so in its condition Placeable.
	// +optional
	Distributed bool `json:"distributed,omitempty"`

	// PodPlacementPolicy names the PlacementPolicy that is applied to each pod when it is created. Unset: none is applied.
	// While the named policy does not exist no pod is created.
	// +optional
	PodPlacementPolicy *corev1.LocalObjectReference `json:"podPlacementPolicy,omitempty"`
}

// PetSetStatus is a StatefulSet's status plus the selector for the scale subresource.
type PetSetStatus struct {
	// ObservedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Replicas is the number of pods that exist.
	Replicas int32 `json:"replicas"`

	// ReadyReplicas is the number of pods that are ready.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas,omitempty"`

	// CurrentReplicas is the number of pods of CurrentRevision.
	// +optional
	CurrentReplicas int32 `json:"currentReplicas,omitempty"`

	// UpdatedReplicas is the number of pods of UpdateRevision.
	// +optional
	UpdatedReplicas int32 `json:"updatedReplicas,omitempty"`

	// CurrentRevision names the ControllerRevision of the pods that await an update.
	// +optional
	CurrentRevision string `json:"currentRevision,omitempty"`

	// UpdateRevision names the ControllerRevision of the template as it stands in the spec.
	// +optional
	UpdateRevision string `json:"updateRevision,omitempty"`

	// CollisionCount is added to the hash that names ControllerRevisions whenever a name was taken by other content.
	// +optional
	CollisionCount *int32 `json:"collisionCount,omitempty"`

	// Conditions say what keeps the set from doing its work.
	// +optional
	// +patchMergeKey=type
	// +patchStrategy=merge
	// +listType=map
	// +listMapKey=type
	Conditions []PetSetCondition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`

	// AvailableReplicas is the number of pods that have been ready for minReadySeconds.
	// +optional
	AvailableReplicas int32 `json:"availableReplicas,omitempty"`

	// LabelSelector is the selector in text form, for the scale subresource (autoscalers read it there).
	// +optional
	LabelSelector string `json:"labelSelector,omitempty"`
}

// PetSetCondition is one observation of what keeps a set from doing its work. Its fields are a StatefulSet condition's.
type PetSetCondition struct {
	// Type names the observation.
	Type PetSetConditionType `json:"type"`
	// Status is True, False or Unknown.
	Status corev1.ConditionStatus `json:"status"`
	// LastTransitionTime is when Status last changed.
	// +optional
	LastTransitionTime metav1.Time `json:"lastTransitionTime,omitempty"`
	// Reason is a word for programs.
	// +optional
	Reason string `json:"reason,omitempty"`
	// Message is a sentence for people.
	// +optional
	Message string `json:"message,omitempty"`
}

// PetSetConditionType is the type of a PetSetCondition.
type PetSetConditionType string

const (
	// PetSetPlaceable is False while no pod can be created because of where it should go: the placement policy is missing
	// or cannot be evaluated, or the set asks for several clusters. It is absent for a set without a policy.
	PetSetPlaceable PetSetConditionType = "Placeable"
	// PetSetValid is False while the spec asks for something that cannot be done; nothing is created or deleted then. It is
	// absent otherwise.
	PetSetValid PetSetConditionType = "Valid"
	// PetSetReplicaFailure is True while a pod or claim could not be created, changed or deleted; its message is the API server's. It
	// is absent otherwise.
	PetSetReplicaFailure PetSetConditionType = "ReplicaFailure"
)

const (
	// ReasonPlaced: the policy exists and can be evaluated (Placeable=True).
	ReasonPlaced = "PolicyApplied"
	// ReasonPolicyNotFound: spec.podPlacementPolicy names no existing PlacementPolicy (Placeable=False).
	ReasonPolicyNotFound = "PlacementPolicyNotFound"
	// ReasonPolicyInvalid: the PlacementPolicy exists but cannot be evaluated for this set (Placeable=False).
	ReasonPolicyInvalid = "PlacementPolicyInvalid"
	// ReasonDistributedUnsupported: the set asks for several clusters (Placeable=False).
	ReasonDistributedUnsupported = "DistributedUnsupported"
	// ReasonInvalidSpec: the spec contradicts itself (Valid=False).
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonFailedWrite: a pod or claim could not be created, changed or deleted (ReplicaFailure=True).
	ReasonFailedWrite = "FailedWrite"
)

// PetSetList is a list of PetSets.
//
// +kubebuilder:object:root=true
type PetSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PetSet `json:"items"`
}
