package debian

import (
	"fmt"
	"strings"

	"github.com/matriarchdb/matriarch/images/internal/recipe"
)

// installScript is what runs inside a copy of the base to make an image's root file system of it. The packages come from
// the archive; or from it and its past, when it no longer has a version; or from the past alone, when the release has
// left the archive.
func installScript(r recipe.Recipe, s recipe.Suite, m recipe.Mirrors, options []string) string {
	var b strings.Builder
	b.WriteString("set -eu\n")
	file(&b, "/etc/apt/apt.conf.d/99mmdebstrap", options)
	fmt.Fprintf(&b, "download() { apt-get update --quiet --error-on=any && %s --download-only; }\n", strings.TrimSpace(r.Install()))
	file(&b, "/etc/apt/sources.list", s.Sources(m))
	b.WriteString("if ! download; then\n")
	fmt.Fprintf(&b, "echo 'The archive of %s does not have these versions; asking for those of %s.' >&2\n", s.Name, s.Snapshot)
	file(&b, "/etc/apt/sources.list", append(s.Sources(m), s.SnapshotSources(m)...))
	b.WriteString("if ! download; then\n")
	file(&b, "/etc/apt/sources.list", s.SnapshotSources(m))
	b.WriteString("download\nfi\nfi\n")
	b.WriteString(r.Prepare())
	b.WriteString(r.Install())
	b.WriteString(r.Finish())
	return b.String()
}

// file writes the lines into a file, by a here-document whose text the shell leaves alone.
func file(b *strings.Builder, name string, lines []string) {
	fmt.Fprintf(b, "cat > %s <<'END-OF-FILE'\n", name)
	for _, line := range lines {
		fmt.Fprintln(b, line)
	}
	b.WriteString("END-OF-FILE\n")
}
