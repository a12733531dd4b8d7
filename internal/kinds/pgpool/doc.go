// Package pgpool is what a Pgpool must say about itself: Pgpool-II pods in front of a Postgres, splitting reads from
// writes.
package pgpool
