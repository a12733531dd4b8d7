// Package v1 holds the building blocks that the kinds of several API groups share: conditions and phases, the pod and
// service templates, credentials, TLS, monitoring, health checks and initialisation. It has no kind of its own and no
// behaviour beyond reading its own fields.
//
// +kubebuilder:object:generate=true
package v1
