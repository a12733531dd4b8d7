//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guidesFolder, seen from the repository's root, is where the manifests of KubeDB's guides lie. They are no part of the
// project.
const guidesFolder = "../shared/kubedb/examples"

// guides returns the folder of the guides' manifests.
func guides(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", "..", guidesFolder))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the manifests of KubeDB's guides are expected in %s, beside the repository: %v", guidesFolder, err)
		}
		t.Skipf("the manifests of KubeDB's guides are not in %s, beside the repository; they are no part of it. docs/examples are tried all the same", guidesFolder)
	}
	return folder
}

// TestTheGuidesOfKubeDBWorkAsTheyAre goes through the guides for Reconfigure, Restart, UpdateVersion and ReconfigureTLS with
// their own manifests. Their Postgres, always called ha-postgres, is created once; later guides are applied over it, as
// by somebody who goes from guide to guide. Needed are room for seven pods of 500m CPU (two nodes with two cores) and a
// default StorageClass; versions that the catalog lacks are the guides' own names for others of the local catalog.
func TestTheGuidesOfKubeDBWorkAsTheyAre(t *testing.T) {
	t.Parallel()
	s := newScene(t, "demo", guides(t), "ha-postgres", "pgpool", "pb")
	s.shows = true
	s.offersStorage("standard")
	s.play(slices.Concat(guidesOfReconfigure(), guidesOfRestart(), guidesOfUpdateVersion(), guidesOfTLS()))
	t.Run("every other manifest is accepted, or refused with a clear message", func(t *testing.T) {
		s.t = t
		s.accepts()
	})
	s.t = t
}

// guidesOfReconfigure begin with what the others share: three members, and a pooler of each kind.
func guidesOfReconfigure() []stage {
	return []stage{{
		name: "configuration at creation",
		prepare: func(s *scene) {
			s.putSecret("pg-configuration", "user.conf", s.read("postgres/custom-config/user.conf"))
			s.putSecret("pp-custom-config", "pgpool.conf", s.read("pgpool/configuration/pgpool.conf"))
			s.putSecret("new-custom-config", "pgpool.conf", "num_init_children = 7\nmax_pool = 50\n")
			s.putSecret("pb-custom-config", "pgbouncer.ini", "[pgbouncer]\nauth_type = md5\nquery_wait_timeout = 77\n")
		},
		apply: []string{
			"postgres/reconfigure/ha-postgres.yaml", "pgpool/reconfiguration/pp-custom-config.yaml", "pgbouncer/reconfigure/pb-custom-config.yaml",
		},
		use: []string{"postgres/ha-postgres", "pgpool/pp-custom", "pgbouncer/pb-custom"},
		holds: func(s *scene) {
			s.everyMember("ha-postgres", 3, "max_connections", "300")
			s.everyMember("ha-postgres", 3, "shared_buffers", "256MB")
			s.pgpoolShows("pp-custom", "num_init_children", "6")
			s.pgpoolShows("pp-custom", "max_pool", "65")
			s.pgpoolShows("pp-custom", "child_life_time", "400s")
			s.pgbouncerShows("pb-custom", "auth_type", "md5")
			s.pgbouncerShows("pb-custom", "query_wait_timeout", "77")
			s.pgbouncerShows("pb-custom", "max_client_conn", "87")
		},
	}, {
		name:  "Pgpool, a new Secret",
		apply: []string{"pgpool/reconfiguration/ppops-reconfigure.yaml"},
		holds: func(s *scene) {
			s.pgpoolShows("pp-custom", "num_init_children", "7")
			s.pgpoolShows("pp-custom", "max_pool", "50")
			s.pgpoolShows("pp-custom", "child_life_time", "5min") // its default: the former Secret does not count any more
			s.has("pgpool/pp-custom", ".spec.configuration.secretName", "new-custom-config")
		},
	}, {
		name:  "PgBouncer, applyConfig",
		apply: []string{"pgbouncer/reconfigure/pbops-reconfigure-apply.yaml"},
		keeps: []string{"pgbouncer/pb-custom"},
		holds: func(s *scene) {
			s.pgbouncerShows("pb-custom", "auth_type", "scram-sha-256")
			s.pgbouncerShows("pb-custom", "query_wait_timeout", "77") // merged, not replaced
			s.restarted("0", "pgbounceropsrequest/pbops-reconfigure-apply")
		},
	}, {
		name:  "Postgres, applyConfig",
		apply: []string{"postgres/reconfigure/apply-config.yaml"},
		holds: func(s *scene) {
			s.everyMember("ha-postgres", 3, "max_connections", "230")
			s.everyMember("ha-postgres", 3, "shared_buffers", "512MB")
			s.restarted("3", "postgresopsrequest/pgops-reconfigure-apply-config")
		},
	}}
}

func guidesOfRestart() []stage {
	var before string
	return []stage{{
		name:  "the Postgres of the next guide, over the last one's",
		apply: []string{"postgres/restart/postgres.yaml"},
		holds: func(s *scene) { before = s.podUIDs() },
	}, {
		name:  "Postgres, Restart",
		apply: []string{"postgres/restart/ops.yaml"},
		holds: func(s *scene) {
			s.restarted("3", "postgresopsrequest/restart")
			if after := s.podUIDs(); sharesALine(before, after, "ha-postgres-") {
				s.t.Errorf("not every member was restarted:\n%s\n%s", before, after)
			}
			s.says(s.route("postgres/ha-postgres"), "select count(*) from pg_stat_replication where state = 'streaming'", "2")
		},
		leave: []string{"pgpool/pp-custom", "pgbouncer/pb-custom"},
	}}
}

func guidesOfUpdateVersion() []stage {
	return []stage{{
		name:  "poolers of the versions to update from",
		apply: []string{"pgpool/update-version/pp-update.yaml", "pgbouncer/update-version/pb-update.yaml"},
		use:   []string{"pgpool/pp-update", "pgbouncer/pb-update"},
		holds: func(s *scene) { s.versions("pp-update", "4.5.3", "pb-update", "1.23.1") },
	}, {
		name:  "PgBouncer, UpdateVersion",
		apply: []string{"pgbouncer/update-version/pbops-update.yaml"},
	}, {
		name:  "Pgpool, UpdateVersion",
		apply: []string{"pgpool/update-version/ppops-update.yaml"},
		holds: func(s *scene) { s.versions("pp-update", "4.6.0", "pb-update", "1.24.0") },
		leave: []string{"pgpool/pp-update", "pgbouncer/pb-update"},
	}, {
		name: "configuration files, a node's label, a version of one's own",
		prepare: func(s *scene) {
			s.putSecret("pp-configuration", "pgpool.conf", s.read("pgpool/configuration/pgpool.conf"))
			s.labelled("disktype", "ssd")
			s.restoredAfterwards("pgbouncerversion/1.17.0")
			s.restoredAfterwards("postgresversion/timescaledb-2.14.2-pg14")
		},
		apply: []string{
			"pgpool/configuration/pgpool-config-file.yaml", "pgpool/configuration/pgpool-node-selector.yaml",
			"postgres/custom-config/pg-custom-config.yaml",
			"pgbouncer/custom-version/pgbouncerversion.yaml", "postgres/custom-version/postgresversion.yaml",
		},
		holds: func(s *scene) {
			s.pgpoolShows("pp-custom-config", "num_init_children", "6")
			s.pgpoolShows("pp-custom-config", "child_life_time", "400s")
			s.everyMember("custom-postgres", 1, "max_connections", "300")
			s.everyMember("custom-postgres", 1, "shared_buffers", "256MB")
			if node := s.field("pod/pgpool-node-selector-0", ".spec.nodeName"); s.field("node/"+node, ".metadata.labels.disktype") != "ssd" {
				s.t.Errorf("the pod runs on node %q, which has no disktype=ssd", node)
			}
			if listed := s.kubectl("get", "pgbouncerversion", "1.17.0"); !strings.Contains(listed, "kubedb/pgbouncer:1.17.0") {
				s.t.Errorf("kubectl get says:\n%s", listed)
			}
			if listed := s.kubectl("get", "postgresversion", "timescaledb-2.14.2-pg14"); !strings.Contains(listed, "TimescaleDB") || !strings.Contains(listed, "timescale/timescaledb:2.14.2-pg14-oss") {
				s.t.Errorf("kubectl get says:\n%s", listed)
			}
		},
		leave: []string{"pgpool/pp-custom-config", "pgpool/pgpool-node-selector", "postgres/custom-postgres"},
	}}
}

func guidesOfTLS() []stage {
	var first string
	return []stage{{
		name: "poolers that will have TLS",
		prepare: func(s *scene) {
			s.authority("pgpool-ca")
			s.authority("pgbouncer-ca")
			s.authority("postgres-ca")
		},
		apply: []string{
			"pgpool/reconfigure-tls/issuer.yaml", "pgpool/reconfigure-tls/pgpool.yaml",
			"pgbouncer/reconfigure-tls/issuer.yaml", "pgbouncer/reconfigure-tls/pb.yaml",
		},
		use: []string{"pgpool/pgpool", "pgbouncer/pb"},
	}, {
		name:  "PgBouncer, add TLS",
		apply: []string{"pgbouncer/reconfigure-tls/add-tls.yaml"},
		keeps: []string{"pgbouncer/pb"}, // new clients are refused until they have a certificate
		holds: func(s *scene) {
			s.restarted("0", "pgbounceropsrequest/add-tls")
			s.onlyWithCertificate("pgbouncer/pb")
			s.pgbouncerShowsOverTLS("pb", "client_tls_sslmode", "verify-full")
			s.belongsTo("pb-client-cert", "pgbouncer", "client")
			first = s.shown("pb", 5432)
		},
	}, {
		name:  "PgBouncer, rotate",
		apply: []string{"pgbouncer/reconfigure-tls/rotate-tls.yaml"},
		keeps: []string{"pgbouncer/pb"}, connects: []string{"pgbouncer/pb"},
		holds: func(s *scene) {
			s.restarted("0", "pgbounceropsrequest/rotate-tls")
			if now := s.shown("pb", 5432); now == first {
				s.t.Errorf("the certificate shown is still %s", now)
			}
			s.onlyWithCertificate("pgbouncer/pb")
		},
	}, {
		name:  "Pgpool, add TLS",
		apply: []string{"pgpool/reconfigure-tls/ppops-add-tls.yaml"},
		holds: func(s *scene) {
			s.onlyWithCertificate("pgpool/pgpool")
			s.belongsTo("pgpool-client-cert", "pgpool", "client")
			s.shown("pgpool", 9999)
			// A Pgpool has no certificate to show to a server that demands one, as the next guide's does.
		},
		leave: []string{"pgpool/pgpool"},
	}, {
		name:  "the Postgres that will have TLS",
		apply: []string{"postgres/reconfigure-tls/issuer.yaml", "postgres/reconfigure-tls/ha-postgres.yaml"},
	}, {
		name:  "Postgres, add TLS",
		apply: []string{"postgres/reconfigure-tls/add-tls.yaml"},
		keeps: []string{"postgres/ha-postgres", "pgbouncer/pb"},
		holds: func(s *scene) {
			s.restarted("0", "postgresopsrequest/add-tls")
			s.onlyWithCertificate("postgres/ha-postgres")
			s.belongsTo("ha-postgres-client-cert", "postgres", "client")
			s.has("postgres/ha-postgres", ".spec.sslMode", "verify-full")
			s.has("postgres/ha-postgres", ".spec.clientAuthMode", "cert")
			s.everyMemberOverTLS("ha-postgres", 3, "/CN=postgres", "/O=postgres", "/OU=client")
			s.saysOverTLS(s.route("pgbouncer/pb"), verify("pgbouncer/pb"), encrypted, "t") // PgBouncer followed
		},
	}}
}
