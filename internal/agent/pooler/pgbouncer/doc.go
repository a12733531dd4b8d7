// Package pgbouncer is the adapter for PgBouncer 1.15 to 1.26: its files, a throwaway process that judges a candidate,
// and RELOAD and SHOW CONFIG over the admin console.
//
// The console is reached over the Unix socket as user "pgbouncer", which every version admits without a password when
// the peer has the uid of the process itself.
package pgbouncer
