package recipe

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestEveryRecipeNamesAKnownRelease(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		if _, err := SuiteNamed(r.Suite); err != nil {
			t.Errorf("%s: %v", r.ID(), err)
		}
	}
	if _, err := SuiteNamed("sarge"); err == nil {
		t.Error("a release that is not in the recipes was found")
	}
}

func TestTheVersionOfTheServerIsPinned(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		pinned := false
		for _, p := range r.Packages {
			name, version, found := strings.Cut(p, "=")
			version = strings.TrimPrefix(version, "1:")
			pinned = pinned || found && strings.Contains(name, serverPackage(r)) && strings.HasPrefix(version, r.Version)
		}
		if !pinned {
			t.Errorf("%s installs %v, none of which is the server at version %s", r.ID(), r.Packages, r.Version)
		}
	}
}

func serverPackage(r Recipe) string {
	if r.Name == "postgres" {
		return "postgresql-" + Major(r.Version)
	}
	return strings.TrimSuffix(r.Name, "-sync") // git-sync stands on git
}

func TestNothingRunsAsRoot(t *testing.T) {
	t.Parallel()
	numeric := regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)
	for _, r := range All() {
		if !numeric.MatchString(r.User.Numeric()) {
			t.Errorf("%s runs as %q", r.ID(), r.User.Numeric())
		}
	}
}

func TestReferencesAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range All() {
		if seen[r.Ref()] {
			t.Errorf("%s is there twice", r.Ref())
		}
		seen[r.Ref()] = true
	}
}

func TestTheServersThatMatriarchIsTestedWithAreThere(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, r := range All() {
		have[r.ID()] = true
	}
	for _, id := range []string{
		"postgres:13.16", "postgres:15.18", "postgres:15.20", "postgres:17.11", "postgres:18.6",
		"pgpool:4.1.4", "pgpool:4.3.5", "pgpool:4.6.1", "pgpool:4.7.3",
		"pgbouncer:1.15.0", "pgbouncer:1.18.0", "pgbouncer:1.24.1", "pgbouncer:1.26.1",
	} {
		if !have[id] {
			t.Errorf("no recipe for %s", id)
		}
	}
}

func TestUsersDifferAmongReleases(t *testing.T) {
	t.Parallel()
	users := map[string]bool{}
	for _, r := range Named("postgres") {
		users[r.User.Numeric()] = true
	}
	if len(users) < 2 {
		t.Errorf("all PostgreSQL images have the user %v: an agent that assumes a number would not be caught", users)
	}
}

func TestScriptsAreShell(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		for part, script := range map[string]string{"prepare": r.Prepare(), "install": r.Install(), "finish": r.Finish()} {
			command := exec.Command("sh", "-n")
			command.Stdin = strings.NewReader(script)
			if output, err := command.CombinedOutput(); err != nil {
				t.Errorf("%s, %s: %v: %s", r.ID(), part, err, output)
			}
		}
	}
}

func TestAPinIsNotExpandedByTheShell(t *testing.T) {
	t.Parallel()
	r := Recipe{Packages: []string{"pgbouncer=1.18.0*", "tzdata"}}
	want := "apt-get install --yes --quiet --no-install-recommends 'pgbouncer=1.18.0*' 'tzdata'\n"
	if got := r.Install(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOnlyPostgresGetsALocale(t *testing.T) {
	t.Parallel()
	for _, r := range All() {
		if got, want := strings.Contains(r.Finish(), "localedef"), r.Name == "postgres"; got != want {
			t.Errorf("%s makes a locale: %v, want %v", r.ID(), got, want)
		}
	}
}

func TestTheLocaleIsMadeBeforeItsSourcesGoAndMovedAfterwards(t *testing.T) {
	t.Parallel()
	script := Named("postgres")[0].Finish()
	made, purged, moved := strings.Index(script, "localedef"), strings.Index(script, "dpkg --purge"), strings.Index(script, "mv /usr/lib/locale")
	if made < 0 || made > purged || purged > moved {
		t.Errorf("localedef at %d, purge at %d, move at %d in:\n%s", made, purged, moved, script)
	}
}

func TestProgramsOfThePackageComeFirstInPath(t *testing.T) {
	t.Parallel()
	r := Recipe{Bin: []string{"/usr/lib/postgresql/15/bin"}}
	if got := r.Path(); !strings.HasPrefix(got, "/usr/lib/postgresql/15/bin:/usr/local/sbin:") {
		t.Errorf("PATH is %s", got)
	}
}

func TestSourcesOfASuite(t *testing.T) {
	t.Parallel()
	m := Mirrors{Archive: "http://a/debian", Security: "http://a/security", Snapshot: "http://s/archive"}
	const key = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"
	for _, c := range []struct {
		reason string
		got    []string
		want   []string
	}{
		{
			"a stable release has security updates and is strict about dates",
			Suite{Name: "bookworm", Security: true, Snapshot: "20261119T000000Z"}.Sources(m),
			[]string{"deb [" + key + "] http://a/debian bookworm main", "deb [" + key + "] http://a/security bookworm-security main"},
		},
		{
			"the testing release has none, and its index may have expired",
			Suite{Name: "forky", Expires: true}.Sources(m),
			[]string{"deb [" + key + " check-valid-until=no] http://a/debian forky main"},
		},
		{
			"a snapshot has always expired",
			Suite{Name: "bookworm", Security: true, Snapshot: "20261119T000000Z"}.SnapshotSources(m),
			[]string{
				"deb [" + key + " check-valid-until=no] http://s/archive/debian/20261119T000000Z bookworm main",
				"deb [" + key + " check-valid-until=no] http://s/archive/debian-security/20261119T000000Z bookworm-security main",
			},
		},
	} {
		if strings.Join(c.got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n got %q\nwant %q", c.reason, c.got, c.want)
		}
	}
}

func TestEverySuiteHasAMomentToFallBackTo(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^20[0-9]{6}T[0-9]{6}Z$`)
	for _, s := range Suites() {
		if !form.MatchString(s.Snapshot) {
			t.Errorf("%s has the snapshot %q", s.Name, s.Snapshot)
		}
	}
}
