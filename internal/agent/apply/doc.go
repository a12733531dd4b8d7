// Package apply brings files from Secrets into a server: vet, try, write, reload, ask the server, report. It is
// written once for PostgreSQL, Pgpool-II and PgBouncer; what differs between them is behind Server.
//
// The rules it holds: a file that the server refuses never replaces one that it accepts; what is reported as in force
// was asked of the server; and a process killed at any point starts over from the Secret and ends in the same state.
package apply
