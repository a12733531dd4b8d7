// Package member runs one member of a Postgres cluster: it observes the volume, the Lease and the Secrets, asks package
// decide what to do, and does it, again and again, until the pod ends.
//
// A role is a function: being primary is being inside runPrimary, being a standby is being inside follow, and leaving
// either leaves no PostgreSQL behind.
package member
