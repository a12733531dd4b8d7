// Package kinds lists the database kinds. Whoever adds one adds a folder here and a line below.
package kinds

import (
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kinds/pgbouncer"
	"github.com/matriarchdb/matriarch/internal/kinds/pgpool"
	"github.com/matriarchdb/matriarch/internal/kinds/postgres"
)

// All returns every kind. agentImage holds the agent that runs in their pods.
func All(agentImage string) []database.Kind {
	return []database.Kind{
		postgres.New(agentImage),
		pgpool.New(agentImage),
		pgbouncer.New(agentImage),
	}
}
