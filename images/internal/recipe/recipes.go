package recipe

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// server is one version of a server in one Debian release.
type server struct {
	suite, version string
	// pins are the packages that must have exactly a version; the others come at the release's newest.
	pins []string
}

// All are the server images, those of the demonstration's release first.
func All() []Recipe {
	var all []Recipe
	for _, s := range []server{
		{suite: "bookworm", version: "15.18"},
		{suite: "bookworm", version: "15.20"},
		{suite: "trixie", version: "17.11"},
		{suite: "forky", version: "18.6"},
		{suite: "bullseye", version: "13.16"},
	} {
		all = append(all, postgres(s))
	}
	for _, s := range []server{
		{suite: "bookworm", version: "4.3.5", pins: []string{"pgpool2=4.3.5*"}},
		{suite: "trixie", version: "4.6.1", pins: []string{"pgpool2=4.6.1*"}},
		{suite: "forky", version: "4.7.3", pins: []string{"pgpool2=4.7.3*"}},
		// The release's own package: mirrors of its security updates list a newer build that they do not all have.
		{suite: "bullseye", version: "4.1.4", pins: []string{"pgpool2=4.1.4-3", "libpgpool0=4.1.4-3"}},
	} {
		all = append(all, pgpool(s))
	}
	for _, s := range []server{
		{suite: "bookworm", version: "1.18.0", pins: []string{"pgbouncer=1.18.0*"}},
		{suite: "trixie", version: "1.24.1", pins: []string{"pgbouncer=1.24.1*"}},
		{suite: "forky", version: "1.26.1", pins: []string{"pgbouncer=1.26.1*"}},
		{suite: "bullseye", version: "1.15.0", pins: []string{"pgbouncer=1.15.0*"}},
	} {
		all = append(all, pgbouncer(s))
	}
	return append(all,
		exporter("postgres-exporter", server{suite: "trixie", version: "0.17.1", pins: []string{"prometheus-postgres-exporter=0.17.1*"}}),
		exporter("pgbouncer-exporter", server{suite: "trixie", version: "0.10.2", pins: []string{"prometheus-pgbouncer-exporter=1:0.10.2*"}}),
		gitSync(server{suite: "trixie", version: "2.47", pins: []string{"git=1:2.47.*"}}),
	)
}

// Named are the recipes of one image name, in the order of All.
func Named(name string) []Recipe {
	var named []Recipe
	for _, r := range All() {
		if r.Name == name {
			named = append(named, r)
		}
	}
	return named
}

// Major is the first number of a version.
func Major(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}

// clients are the major versions of psql that the Debian releases have.
var clients = map[string]string{"bullseye": "13", "bookworm": "15", "trixie": "17", "forky": "18"}

// accounts are the numbers that the package postgresql-common gives its user when it is installed on the base of a
// release. They differ on purpose: nothing may rely on one of them.
var accounts = map[string]User{
	"bullseye": {UID: 101, GID: 102}, "bookworm": {UID: 100, GID: 102}, "trixie": {UID: 100, GID: 102}, "forky": {UID: 101, GID: 101},
}

func account(suite string) User {
	numbers := accounts[suite]
	return User{Name: "postgres", UID: numbers.UID, GID: numbers.GID, Home: "/var/lib/postgresql"}
}

// supporting keeps a release whose packages make users through systemd from bringing all of it.
func supporting(suite string) []string {
	if suite == "forky" {
		return []string{"systemd-standalone-sysusers"}
	}
	return nil
}

func programs(major string) string { return "/usr/lib/postgresql/" + major + "/bin" }

// postgres pins the client and its library as well: the archive may hold a newer minor of the same server, and mixing
// two is a state that nobody tests.
func postgres(s server) Recipe {
	major := Major(s.version)
	pins := []string{
		fmt.Sprintf("postgresql-%s=%s*", major, s.version),
		fmt.Sprintf("postgresql-client-%s=%s*", major, s.version),
		fmt.Sprintf("libpq5=%s*", s.version),
	}
	return Recipe{
		Name: "postgres", Version: s.version, Suite: s.suite,
		Packages:   slices.Concat(pins, []string{"locales", "tzdata"}, supporting(s.suite)),
		User:       account(s.suite),
		Bin:        []string{programs(major)},
		Entrypoint: []string{"postgres"},
		StopSignal: "SIGINT",
		Locale:     true,
		Writable:   []string{"/run/postgresql", "/var/lib/postgresql", "/tmp"},
	}
}

func pgpool(s server) Recipe {
	client := clients[s.suite]
	return Recipe{
		Name: "pgpool", Version: s.version, Suite: s.suite,
		Packages:   slices.Concat(s.pins, []string{"postgresql-client-" + client}, supporting(s.suite)),
		User:       account(s.suite),
		Bin:        []string{programs(client)},
		Entrypoint: []string{"pgpool", "-n"},
		StopSignal: "SIGINT",
		Writable:   []string{"/run/postgresql", "/tmp"},
	}
}

func pgbouncer(s server) Recipe {
	return Recipe{
		Name: "pgbouncer", Version: s.version, Suite: s.suite,
		Packages:   slices.Concat(s.pins, supporting(s.suite)),
		User:       account(s.suite),
		Entrypoint: []string{"pgbouncer", "/etc/pgbouncer/pgbouncer.ini"},
		StopSignal: "SIGINT",
		Writable:   []string{"/run/postgresql", "/tmp"},
	}
}

func exporter(name string, s server) Recipe {
	return Recipe{
		Name: name, Version: s.version, Suite: s.suite,
		Packages:   s.pins,
		User:       User{Name: "prometheus", UID: 100, GID: 101, Home: "/var/lib/prometheus"},
		Entrypoint: []string{"/usr/bin/prometheus-" + name},
		StopSignal: "SIGTERM",
		Writable:   []string{"/tmp"},
	}
}

// gitSyncScript is a stand-in for git-sync.
//
//go:embed git-sync.sh
var gitSyncScript []byte

// gitSync has Debian's git, and a script in the place of git-sync, with the user, the folder and the path of git-sync's
// own image. A user of another number who wants ssh adds himself to the list of users.
func gitSync(s server) Recipe {
	return Recipe{
		Name: "git-sync", Version: s.version, Suite: s.suite,
		Packages:   slices.Concat(s.pins, []string{"ca-certificates", "openssh-client"}),
		User:       User{Name: "git-sync", UID: 65533, GID: 65533, Home: "/tmp"},
		Entrypoint: []string{"/git-sync"},
		StopSignal: "SIGTERM",
		Writable:   []string{"/git", "/tmp"},
		Own: []string{
			"echo " + base64.StdEncoding.EncodeToString(gitSyncScript) + " | base64 --decode > /git-sync",
			"chmod 0755 /git-sync",
			"chmod 0666 /etc/passwd",
		},
	}
}
