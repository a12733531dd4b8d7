// Package pooler runs a connection pooler in its pod: it starts the server with what the Secrets say, brings changes
// in while clients are served, restarts a server that died, and drains it when the pod ends. The two poolers stand
// behind Server, in packages pgpool and pgbouncer.
package pooler
