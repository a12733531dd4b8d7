// Package v1alpha1 holds the operations that are carried out on running databases and poolers: PostgresOpsRequest,
// PgpoolOpsRequest and PgBouncerOpsRequest. What all three have in common stands once, in request.go and sections.go;
// they share one status type. Types, markers and documented condition types and reasons only.
//
// +kubebuilder:object:generate=true
// +groupName=ops.kubedb.com
// +versionName=v1alpha1
package v1alpha1
