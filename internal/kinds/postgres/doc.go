// Package postgres is the kind Postgres: what to read about one, which objects it consists of, and what its
// configuration files say. Roles among the members are decided by the agents in the pods, not here.
package postgres
