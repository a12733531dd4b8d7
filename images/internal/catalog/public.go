package catalog

import "github.com/matriarchdb/matriarch/images/internal/recipe"

// Images that anybody can pull. The names are those of KubeDB's catalog, so that its guides work, and the newest
// versions besides.
const (
	// The image of the Docker community: https://hub.docker.com/_/postgres. Its Alpine variant has the user 70, the
	// Debian one 999.
	postgresImage     = "docker.io/library/postgres:"
	postgresUIDAlpine = 70
	postgresUIDDebian = 999
	postgresExporter  = "docker.io/prometheuscommunity/postgres-exporter:v0.18.1"

	// The Kubernetes project's: https://github.com/kubernetes/git-sync.
	gitSyncer = "registry.k8s.io/git-sync/git-sync:v4.4.2"

	// The Pgpool project's own: https://github.com/pgpool/pgpool2_on_k8s.
	pgpoolImage    = "docker.io/pgpool/pgpool:"
	pgpoolUID      = 70
	pgpoolExporter = "docker.io/pgpool/pgpool2_exporter:1.2"

	// The PgBouncer project has none; this one is kept up to date and has every version that is named here:
	// https://github.com/edoburu/docker-pgbouncer.
	pgbouncerImage    = "docker.io/edoburu/pgbouncer:"
	pgbouncerUID      = 70
	pgbouncerExporter = "docker.io/prometheuscommunity/pgbouncer-exporter:v0.12.1"
)

var publicPostgresVersions = []string{
	"13.13", "13.18", "13.20", "13.21", "13.23",
	"14.10", "14.13", "14.15", "14.17", "14.18", "14.21", "14.22",
	"15.5", "15.8", "15.10", "15.12", "15.13", "15.16", "15.17", "15.18", "15.20",
	"16.1", "16.4", "16.6", "16.8", "16.9", "16.10", "16.12", "16.13",
	"17.2", "17.4", "17.5", "17.8", "17.9", "17.11", "17.12",
	"18.2", "18.3", "18.6",
}

var publicPgpoolVersions = []string{"4.4.5", "4.4.8", "4.5.0", "4.5.3", "4.6.0"}

// publicPgBouncerVersions are versions with the tags of the image, which carry its maker's patch level.
var publicPgBouncerVersions = []struct{ version, tag string }{
	{"1.17.0", "1.17.0"}, {"1.18.0", "1.18.0"}, {"1.23.1", "v1.23.1-p3"},
	{"1.24.0", "v1.24.0-p1"}, {"1.24.1", "v1.24.1-p1"}, {"1.25.2", "v1.25.2-p0"},
}

func publicPostgres() []object {
	var objects []object
	for _, v := range publicPostgresVersions {
		e := entry{
			name: v, version: v, image: postgresImage + v + "-alpine", uid: postgresUIDAlpine, exporter: postgresExporter, gitSyncer: gitSyncer,
			endOfLife: unmaintained["postgres "+recipe.Major(v)],
		}
		objects = append(objects, e.postgres("Official", "alpine"))
		e.name, e.image, e.uid = v+"-bookworm", postgresImage+v+"-bookworm", postgresUIDDebian
		objects = append(objects, e.postgres("Official", "bookworm"))
	}
	return objects
}

func publicPgpool() []object {
	var objects []object
	for _, v := range publicPgpoolVersions {
		e := entry{
			name: v, version: v, image: pgpoolImage + v, uid: pgpoolUID, exporter: pgpoolExporter, gitSyncer: gitSyncer,
			endOfLife: unmaintained["pgpool "+line("pgpool", v)],
		}
		objects = append(objects, e.pgpool())
	}
	return objects
}

func publicPgBouncer() []object {
	var objects []object
	for _, v := range publicPgBouncerVersions {
		e := entry{name: v.version, version: v.version, image: pgbouncerImage + v.tag, uid: pgbouncerUID, exporter: pgbouncerExporter, gitSyncer: gitSyncer}
		objects = append(objects, e.pgbouncer())
	}
	return objects
}
