// Package recipe says what is in each image: which Debian release, which packages at which version, which user, and
// what is taken away again. It holds data and pure functions only; the catalogs and the Dockerfiles are made from it too.
package recipe

import "fmt"

// Suite is a Debian release that images are assembled from.
type Suite struct {
	// Name is the release's codename.
	Name string
	// Security says whether the release has security updates of its own in the archive.
	Security bool
	// Expires says that the archive lets the release's index expire while nothing is wrong with it, as it does for
	// the testing release; the signature is checked all the same.
	Expires bool
	// Snapshot is a moment, in the form of snapshot.debian.org, at which every version named here was published.
	// It is asked when the archive has moved on.
	Snapshot string
}

// Mirrors are the places that packages come from, without a trailing slash.
type Mirrors struct {
	Archive  string
	Security string
	Snapshot string
}

// DebianMirrors are Debian's own.
var DebianMirrors = Mirrors{
	Archive:  "http://deb.debian.org/debian",
	Security: "http://deb.debian.org/debian-security",
	Snapshot: "http://snapshot.debian.org/archive",
}

// keyring is on the machine that builds and, under the same name, in each base.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// Suites are the releases in the order of their age.
func Suites() []Suite {
	return []Suite{
		{Name: "bullseye", Security: true, Snapshot: "20261101T000000Z"},
		{Name: "bookworm", Security: true, Snapshot: "20261119T000000Z"},
		{Name: "trixie", Security: true, Snapshot: "20261119T000000Z"},
		{Name: "forky", Expires: true, Snapshot: "20261101T000000Z"},
	}
}

// SuiteNamed finds a release by its codename.
func SuiteNamed(name string) (Suite, error) {
	for _, s := range Suites() {
		if s.Name == name {
			return s, nil
		}
	}
	return Suite{}, fmt.Errorf("there is no Debian release %q in the recipes", name)
}

// Sources are the lines of sources.list for the live archive.
func (s Suite) Sources(m Mirrors) []string {
	options := "signed-by=" + keyring
	if s.Expires {
		options += " check-valid-until=no"
	}
	lines := []string{fmt.Sprintf("deb [%s] %s %s main", options, m.Archive, s.Name)}
	if s.Security {
		lines = append(lines, fmt.Sprintf("deb [%s] %s %s-security main", options, m.Security, s.Name))
	}
	return lines
}

// SnapshotSources are the lines of sources.list for the archive as it was at the suite's moment.
func (s Suite) SnapshotSources(m Mirrors) []string {
	options := "signed-by=" + keyring + " check-valid-until=no"
	lines := []string{fmt.Sprintf("deb [%s] %s/debian/%s %s main", options, m.Snapshot, s.Snapshot, s.Name)}
	if s.Security {
		lines = append(lines, fmt.Sprintf("deb [%s] %s/debian-security/%s %s-security main", options, m.Snapshot, s.Snapshot, s.Name))
	}
	return lines
}

// BasePackages are in the layer that every image of a suite shares, beside the essential ones and apt.
func (s Suite) BasePackages() []string { return []string{"passwd"} }
