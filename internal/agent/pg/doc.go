// Package pg handles one PostgreSQL server on this machine: its programs, its data directory, its process, its files,
// and the few things that are said to it in SQL. It decides nothing about the cluster.
package pg
