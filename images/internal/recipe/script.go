package recipe

import (
	"fmt"
	"strings"
)

// purged are packages that come along and are of no use in a container: Perl beyond its core and the wrappers' modules,
// the compiler behind just-in-time compilation, the sources of locales, and the maker of a throwaway certificate.
var purged = []string{
	"perl", "perl-modules-5*", "libperl5*", "libjson-perl", "libgdbm*", "libtext-charwidth-perl", "libtext-wrapi18n-perl",
	"libllvm*", "libz3-4", "locales", "libc-l10n", "ssl-cert",
}

// removed are files of packages that stay: what used the purged ones, and a private key that must not be in an image.
var removed = []string{
	"/usr/lib/postgresql/*/lib/bitcode", "/usr/lib/postgresql/*/lib/llvmjit*",
	"/usr/share/perl", "/usr/share/i18n",
	"/etc/ssl/private/ssl-cert-snakeoil.key", "/etc/ssl/certs/ssl-cert-snakeoil.pem",
}

// Prepare is the shell text that runs before the packages are installed: the account gets its number whatever the order
// in which packages are configured, and no database cluster is made.
func (r Recipe) Prepare() string {
	lines := []string{
		fmt.Sprintf("groupadd --system --gid %d %s", r.User.GID, r.User.Name),
		fmt.Sprintf("useradd --system --uid %d --gid %d --home-dir %s --shell /bin/bash %s", r.User.UID, r.User.GID, r.User.Home, r.User.Name),
	}
	if r.Name == "postgres" {
		lines = append(lines,
			"mkdir -p /etc/postgresql-common",
			"echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf")
	}
	return join(lines)
}

// Install is the shell text that installs the packages.
func (r Recipe) Install() string {
	return "apt-get install --yes --quiet --no-install-recommends " + quoted(r.Packages) + "\n"
}

// Finish is the shell text that runs after the packages are installed.
func (r Recipe) Finish() string {
	var lines []string
	if r.Locale {
		// Removing the package "locales" removes every locale, so this one waits under another name.
		lines = append(lines, "localedef --no-archive -i en_US -f UTF-8 /usr/lib/locale-en_US.utf8")
	}
	lines = append(lines,
		"dpkg-query --show --showformat '${db:Status-Status} ${binary:Package}\\n' "+quoted(purged)+" 2>/dev/null |"+
			" sed -n 's/^installed //p' | xargs --no-run-if-empty dpkg --purge --force-depends",
		"rm -rf "+strings.Join(removed, " "),
		"[ ! -d /etc/ssl/certs ] || find /etc/ssl/certs -xtype l -delete",
	)
	if r.Locale {
		lines = append(lines, "mv /usr/lib/locale-en_US.utf8 /usr/lib/locale/en_US.utf8")
	}
	for _, bin := range r.Bin {
		// Debian's names in /usr/bin are Perl scripts that choose among installed versions; here is one version.
		lines = append(lines, "ln -sf "+bin+"/* /usr/bin/")
	}
	for _, dir := range r.Writable {
		if dir != "/tmp" {
			lines = append(lines, fmt.Sprintf("install -d -o %s -g %s -m 2775 %s", r.User.Name, r.User.Name, dir))
		}
	}
	lines = append(lines, r.Own...)
	return join(append(lines, fmt.Sprintf(`test "$(id -u %s):$(id -g %s)" = %s`, r.User.Name, r.User.Name, r.User.Numeric())))
}

func join(lines []string) string { return strings.Join(lines, "\n") + "\n" }

// quoted keeps the shell from expanding the wildcards of a pin.
func quoted(words []string) string {
	return "'" + strings.Join(words, "' '") + "'"
}
