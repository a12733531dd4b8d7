package pgpool

import (
	"context"
	"fmt"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

// parse reads pgpool.conf of a set.
func parse(set apply.Set) (*conf.Settings, error) {
	text, found := set.Config[confFile]
	if !found {
		return nil, &apply.Refusal{Words: "the configuration Secret has no key " + confFile}
	}
	settings, err := pgconf.Parse(pgconf.Pgpool, string(text))
	if err != nil {
		return nil, &apply.Refusal{Words: fmt.Sprintf("%s: %v", confFile, err)}
	}
	return settings, nil
}

// Vet judges syntax, names and values by the catalog, because pgpool accepts unknown names without a word.
func (s *Server) Vet(_ context.Context, set apply.Set) error {
	settings, err := parse(set)
	if err != nil {
		return err
	}
	for _, name := range []string{hbaFile} {
		if _, found := set.Config[name]; !found {
			return &apply.Refusal{Words: "the configuration Secret has no key " + name}
		}
	}
	if err := s.catalog.Validate(settings).Err(); err != nil {
		return &apply.Refusal{Words: fmt.Sprintf("%s: %v", confFile, err)}
	}
	return nil
}
