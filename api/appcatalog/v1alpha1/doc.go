// Package v1alpha1 holds AppBinding: where a database is, how to talk to it and with which credentials. It is how one
// object finds another's server, and a person can write one for a server that runs elsewhere.
//
// +kubebuilder:object:generate=true
// +groupName=appcatalog.appscode.com
// +versionName=v1alpha1
package v1alpha1
