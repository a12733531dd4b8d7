// Package v1alpha2 holds the pooler that exists in this version only, Pgpool. The v1alpha2 forms of Postgres and
// PgBouncer, once served, belong here too, each with its conversion to the hub in kubedb/v1.
//
// +kubebuilder:object:generate=true
// +groupName=kubedb.com
// +versionName=v1alpha2
package v1alpha2
