// Package pgbouncer is what a PgBouncer must say about itself: connection pooler pods in front of a Postgres.
package pgbouncer
