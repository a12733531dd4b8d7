// Package v1 holds the databases and poolers that are stored as v1: Postgres and PgBouncer. It is the hub: a conversion
// from another version of these kinds goes through the types here. Types, markers and constants only.
//
// +kubebuilder:object:generate=true
// +groupName=kubedb.com
// +versionName=v1
package v1
