package catalog

import (
	"github.com/matriarchdb/matriarch/images/internal/recipe"
)

// standIn offers a version under the name that guides use for another.
type standIn struct {
	runs       string
	names      []string
	deprecated bool
}

// Names of KubeDB's catalog and guides, each with the version nearest to it that Debian has. Where a guide updates from
// one name to another, two different versions stand behind them, so that an update really is one. A different major
// version of PostgreSQL never stands in: its data and its configuration are not the same.
var (
	postgresStandIns = []standIn{
		{runs: "13.16", names: []string{"13.13", "13.18", "13.20", "13.21"}},
		{runs: "15.18", names: []string{"15.5", "15.8", "15.10", "15.12", "15.13"}},
		{runs: "15.20", names: []string{"15.16", "15.17"}},
		{runs: "17.11", names: []string{"17.2", "17.4", "17.5", "17.8", "17.9"}},
		{runs: "18.6", names: []string{"18.2", "18.3"}},
		{runs: "15.18", names: []string{"15.3"}, deprecated: true},
	}
	pgpoolStandIns = []standIn{
		{runs: "4.3.5", names: []string{"4.4.5", "4.4.8", "4.5.0", "4.5.3"}},
		{runs: "4.6.1", names: []string{"4.6.0"}},
		{runs: "4.1.4", names: []string{"4.1.0"}, deprecated: true},
	}
	pgbouncerStandIns = []standIn{
		{runs: "1.18.0", names: []string{"1.17.0", "1.23.1"}},
		{runs: "1.24.1", names: []string{"1.24.0"}},
		{runs: "1.15.0", names: []string{"1.16.1"}, deprecated: true},
	}
)

// unmaintained are the release lines that their makers no longer fix; see https://www.postgresql.org/support/versioning/
// and https://www.pgpool.net/mediawiki/index.php/EOL_information.
var unmaintained = map[string]bool{"postgres 13": true, "postgres 14": true, "pgpool 4.1": true}

// exporterOf is the local image of the exporter of a server, or nothing.
func exporterOf(server string) string {
	for _, r := range recipe.Named(server + "-exporter") {
		return r.Ref()
	}
	return ""
}

func localEntry(r recipe.Recipe) entry {
	return entry{
		name: r.Version, version: r.Version, image: r.Ref(), uid: r.User.UID, exporter: exporterOf(r.Name),
		gitSyncer: recipe.Named("git-sync")[0].Ref(),
		endOfLife: unmaintained[r.Name+" "+line(r.Name, r.Version)],
	}
}

// line is the release line that a version belongs to: its major version for PostgreSQL, two numbers for Pgpool.
func line(server, version string) string {
	major := recipe.Major(version)
	if server == "postgres" {
		return major
	}
	return major + "." + recipe.Major(version[len(major)+1:])
}

// local makes the objects of one kind: the true names first, then the stand-ins.
func local(server string, standIns []standIn, suffixes []string, build func(entry, recipe.Recipe) object) []object {
	var objects []object
	byVersion := map[string]recipe.Recipe{}
	for _, r := range recipe.Named(server) {
		byVersion[r.Version] = r
		objects = append(objects, build(localEntry(r), r))
	}
	for _, s := range standIns {
		r := byVersion[s.runs]
		for _, name := range s.names {
			for _, suffix := range suffixes {
				e := localEntry(r)
				e.name, e.standIn, e.deprecated = name+suffix, true, s.deprecated
				objects = append(objects, build(e, r))
			}
		}
	}
	return objects
}

func localPostgres() []object {
	return local("postgres", postgresStandIns, []string{"", "-bookworm"}, func(e entry, r recipe.Recipe) object {
		return e.postgres("PostgreSQL", r.Suite)
	})
}

func localPgpool() []object {
	return local("pgpool", pgpoolStandIns, []string{""}, func(e entry, _ recipe.Recipe) object { return e.pgpool() })
}

func localPgBouncer() []object {
	return local("pgbouncer", pgbouncerStandIns, []string{""}, func(e entry, _ recipe.Recipe) object { return e.pgbouncer() })
}
