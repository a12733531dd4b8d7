// Package v1alpha1 holds the catalog: which versions of each server exist, with which images, and which upgrades are
// possible. The objects are cluster-scoped; spec.version of a database names one.
//
// +kubebuilder:object:generate=true
// +groupName=catalog.kubedb.com
// +versionName=v1alpha1
package v1alpha1
