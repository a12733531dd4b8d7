package pgpool

import (
	"context"
	"fmt"
	"slices"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/hba"
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
	return s.await(settings, set)
}

// asksForCertificates tells whether pool_hba.conf has a rule for clients that show a certificate.
func asksForCertificates(set apply.Set) bool {
	rules, err := hba.Parse(hba.Pgpool, string(set.Config[hbaFile]))
	return err == nil && slices.ContainsFunc(rules, func(r hba.Rule) bool { return r.Method == hba.Cert })
}

// await refuses, for now, a configuration whose certificates have not come yet: they are in a Secret of their own.
func (s *Server) await(settings *conf.Settings, set apply.Set) error {
	if s.ours(settings) && len(set.Certificates) == 0 {
		return fmt.Errorf("%s wants a certificate, and the Secret with the certificates does not exist yet", confFile)
	}
	return nil
}
