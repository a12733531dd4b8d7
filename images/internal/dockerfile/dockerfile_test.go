package dockerfile

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/images/internal/recipe"
)

const dir = "../../dockerfiles"

func TestTheCommittedFilesAreTheGeneratedOnes(t *testing.T) {
	t.Parallel()
	want := Files()
	committed, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range committed {
		if want[file.Name()] == nil {
			t.Errorf("%s is of no recipe; run make generate", file.Name())
		}
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s differs from what is generated (%v); run make generate", name, err)
		}
	}
}

// The committed files are read as somebody else would, not compared with what made them.
func TestADockerfileHasTheReleaseThePackagesAndTheUserOfItsRecipe(t *testing.T) {
	t.Parallel()
	from := regexp.MustCompile(`(?m)^FROM docker\.io/library/debian:([a-z]+)-slim$`)
	install := regexp.MustCompile(`apt-get install --yes --quiet --no-install-recommends ([^;]*);`)
	user := regexp.MustCompile(`(?m)^USER ([0-9:]+)$`)
	for _, r := range recipe.All() {
		content, err := os.ReadFile(filepath.Join(dir, r.Name+"-"+r.Version+".Dockerfile"))
		if err != nil {
			t.Error(err)
			continue
		}
		text := string(content)
		found := func(pattern *regexp.Regexp) string {
			if m := pattern.FindStringSubmatch(text); m != nil {
				return m[1]
			}
			return ""
		}
		if got := found(from); got != r.Suite {
			t.Errorf("%s: release %q, want %q", r.ID(), got, r.Suite)
		}
		if got := strings.Fields(strings.ReplaceAll(found(install), "'", "")); !slices.Equal(got, r.Packages) {
			t.Errorf("%s: packages %v, want %v", r.ID(), got, r.Packages)
		}
		if got := found(user); got != r.User.Numeric() {
			t.Errorf("%s: user %q, want %q", r.ID(), got, r.User.Numeric())
		}
	}
}
