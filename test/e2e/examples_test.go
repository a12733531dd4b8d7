//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
)

// TestOurOwnExamplesWork goes through docs/examples: every operation on each kind, its outcome asked of the servers. The
// poolers are operated on at the same time.
func TestOurOwnExamplesWork(t *testing.T) {
	t.Parallel()
	s := newScene(t, "shop", filepath.Join("..", "..", "docs", "examples"), "orders", "storefront", "checkout")
	s.play(slices.Concat(exampleOperations(), exampleCertificates()))
	err := filepath.WalkDir(s.folder, func(path string, _ fs.DirEntry, err error) error {
		if file, _ := filepath.Rel(s.folder, path); filepath.Ext(path) == ".yaml" && !s.tried[file] {
			t.Errorf("no stage applies %s", file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The databases of the examples: all, the poolers, and those that take certificates without a restart.
var (
	databases = []string{"postgres/orders", "pgpool/storefront", "pgbouncer/checkout"}
	poolers   = databases[1:]
	byReload  = []string{"postgres/orders", "pgbouncer/checkout"}
)

func exampleOperations() []stage {
	return []stage{{
		name:  "a Postgres and its poolers",
		apply: []string{"postgres/orders.yaml", "pgpool/storefront.yaml", "pgbouncer/checkout.yaml"},
		use:   databases,
		holds: func(s *scene) {
			s.everyMember("orders", 1, "max_connections", "120")
			s.has("pdb/storefront", ".status.disruptionsAllowed", "1")
			s.has("pdb/checkout", ".status.disruptionsAllowed", "1")
		},
	}, {
		name:  "Reconfigure by reload",
		apply: []string{"postgres/reconfigure/work-mem.yaml", "pgpool/reconfigure/idle-clients.yaml", "pgbouncer/reconfigure/pool-size.yaml"},
		keeps: databases, connects: databases,
		holds: func(s *scene) {
			s.everyMember("orders", 1, "work_mem", "9MB")
			s.everyMember("orders", 1, "max_connections", "120")
			s.pgpoolShows("storefront", "client_idle_limit", "15min")
			s.pgbouncerShows("checkout", "default_pool_size", "15")
			s.restarted("0", "postgresopsrequest/orders-work-mem", "pgpoolopsrequest/storefront-idle-clients", "pgbounceropsrequest/checkout-pool-size")
		},
	}, {
		name:     "poolers, Restart, and Reconfigure by restart",
		apply:    []string{"pgpool/reconfigure/children.yaml", "pgbouncer/restart/restart.yaml"},
		connects: poolers,
		holds: func(s *scene) {
			s.pgpoolShows("storefront", "num_init_children", "12")
			s.pgpoolShows("storefront", "client_idle_limit", "15min")
			s.restarted("2", "pgpoolopsrequest/storefront-children", "pgbounceropsrequest/checkout-restart")
		},
	}, {
		name:     "poolers, UpdateVersion",
		apply:    []string{"pgpool/update-version/update.yaml", "pgbouncer/update-version/update.yaml"},
		connects: poolers,
		holds: func(s *scene) {
			s.versions("storefront", "4.6.0", "checkout", "1.24.0")
			s.restarted("2", "pgpoolopsrequest/storefront-update", "pgbounceropsrequest/checkout-update")
		},
	}, {
		name:     "Pgpool, Restart",
		apply:    []string{"pgpool/restart/restart.yaml"},
		connects: poolers,
		holds:    func(s *scene) { s.restarted("2", "pgpoolopsrequest/storefront-restart") },
	}, {
		name:  "Postgres, Reconfigure by restart",
		apply: []string{"postgres/reconfigure/connections.yaml"},
		holds: func(s *scene) {
			s.everyMember("orders", 1, "max_connections", "140")
			s.restarted("1", "postgresopsrequest/orders-connections")
		},
	}, {
		name:  "Postgres, UpdateVersion",
		apply: []string{"postgres/update-version/minor.yaml"},
		holds: func(s *scene) {
			s.has("postgres/orders", ".spec.version", "15.17")
			s.everyMember("orders", 1, "server_version_num", versionNumber(s.field("postgresversion/15.17", ".spec.version")))
			s.restarted("1", "postgresopsrequest/orders-minor")
		},
	}, {
		name:  "Postgres, Restart",
		apply: []string{"postgres/restart/restart.yaml"},
		holds: func(s *scene) { s.restarted("1", "postgresopsrequest/orders-restart") },
	}}
}

// exampleCertificates give each kind TLS, another certificate, another authority, and take it away, all three at once: the
// poolers follow their Postgres too. Postgres and PgBouncer do all of it without a restart; a Pgpool restarts its two pods.
func exampleCertificates() []stage {
	stages := []stage{{name: "two authorities", apply: []string{"authorities.yaml"}}}
	first := map[string]string{}
	for _, step := range []struct{ what, file, request, issuer string }{
		{"add", "add.yaml", "add-tls", "shop-authority"},
		{"rotate", "rotate.yaml", "rotate-tls", "shop-authority"},
		{"another issuer", "change-issuer.yaml", "change-issuer", "shop-next-authority"},
		{"remove", "remove.yaml", "remove-tls", ""},
	} {
		stages = append(stages, stage{
			name: "ReconfigureTLS, " + step.what,
			apply: []string{
				"postgres/reconfigure-tls/" + step.file, "pgpool/reconfigure-tls/" + step.file, "pgbouncer/reconfigure-tls/" + step.file,
			},
			keeps: byReload, connects: databases,
			holds: func(s *scene) {
				for _, database := range databases {
					if step.issuer == "" {
						s.plain(database)
					} else {
						s.serves(database, step.issuer, first)
					}
				}
				s.restarted("0", "postgresopsrequest/orders-"+step.request, "pgbounceropsrequest/checkout-"+step.request)
				s.restarted("2", "pgpoolopsrequest/storefront-"+step.request)
				for _, pooler := range poolers {
					s.eventually(pooler+" follows", func() string {
						if got, err := s.sql(s.route(pooler), encrypted); err != nil || got != map[bool]string{true: "t", false: "f"}[step.issuer != ""] {
							return fmt.Sprintf("its connection to the server says %q (%v)", got, err)
						}
						return ""
					})
				}
			},
		})
	}
	return stages
}
