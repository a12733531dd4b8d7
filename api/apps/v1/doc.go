// Package v1 holds the workload API: PetSet, a StatefulSet whose pods are placed by a policy, and PlacementPolicy, that
// policy. Types, markers and documented condition types only; the behaviour is in internal/petset.
//
// +kubebuilder:object:generate=true
// +groupName=apps.k8s.appscode.com
// +versionName=v1
package v1
