package builder

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/images/internal/layer"
	"github.com/matriarchdb/matriarch/images/internal/recipe"
	"github.com/matriarchdb/matriarch/images/internal/store"
)

func TestNamesSelectImagesKindsAndReleases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		names []string
		want  []string
	}{
		{[]string{"postgres:15.18"}, []string{"postgres:15.18"}},
		{[]string{"pgpool"}, []string{"pgpool:4.3.5", "pgpool:4.6.1", "pgpool:4.7.3", "pgpool:4.1.4"}},
		{[]string{"bullseye"}, []string{"postgres:13.16", "pgpool:4.1.4", "pgbouncer:1.15.0"}},
		{[]string{"matriarch-agent"}, []string{"matriarch-agent"}},
		{[]string{"pgbouncer:1.18.0", "matriarch"}, []string{"matriarch", "pgbouncer:1.18.0"}},
		{nil, Names()},
	} {
		s, err := selected(c.names)
		if err != nil {
			t.Errorf("%v: %v", c.names, err)
		}
		var got []string
		for _, p := range s.programs {
			got = append(got, p.Name)
		}
		for _, r := range s.recipes {
			got = append(got, r.ID())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v selects %v, want %v", c.names, got, c.want)
		}
	}
}

func TestAnUnknownNameIsAnErrorThatListsTheKnownOnes(t *testing.T) {
	t.Parallel()
	_, err := selected([]string{"postgres:15.18", "postgres:15.19"})
	if err == nil || !strings.Contains(err.Error(), `"postgres:15.19"`) || !strings.Contains(err.Error(), "postgres:15.20") {
		t.Errorf("got the error %v", err)
	}
}

func TestAnImageIsMadeAgainWhenAnythingItIsMadeFromChanges(t *testing.T) {
	t.Parallel()
	original, base := recipe.Named("postgres")[0], store.Base{Blob: layer.Blob{Digest: "sha256:aa"}}
	key := func(r recipe.Recipe, b store.Base) string {
		k, err := recipeKey(r, b)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if again := key(original, base); again != key(original, base) {
		t.Fatal("the key of one recipe is not always the same")
	}
	for reason, change := range map[string]func(*recipe.Recipe, *store.Base){
		"a package":       func(r *recipe.Recipe, _ *store.Base) { r.Packages = append(slices.Clone(r.Packages), "x") },
		"the user":        func(r *recipe.Recipe, _ *store.Base) { r.User.UID++ },
		"the locale":      func(r *recipe.Recipe, _ *store.Base) { r.Locale = false },
		"the entry point": func(r *recipe.Recipe, _ *store.Base) { r.Entrypoint = []string{"sh"} },
		"the base":        func(_ *recipe.Recipe, b *store.Base) { b.Digest = "sha256:bb" },
	} {
		r, b := original, base
		change(&r, &b)
		if key(r, b) == key(original, base) {
			t.Errorf("%s changed and the key did not", reason)
		}
	}
}

// complete fills a folder as if all images of these recipes had been made.
func complete(t *testing.T, dir store.Dir, recipes []recipe.Recipe) store.Index {
	t.Helper()
	index := store.Index{Bases: map[string]store.Base{}, Images: map[string]store.Image{}}
	for _, r := range recipes {
		suite, err := recipe.SuiteNamed(r.Suite)
		if err != nil {
			t.Fatal(err)
		}
		base := store.Base{Blob: layer.Blob{Digest: "sha256:" + r.Suite, DiffID: "sha256:" + r.Suite}}
		if base.Key, err = baseKey(suite); err != nil {
			t.Fatal(err)
		}
		index.Bases[r.Suite] = base
		key, err := recipeKey(r, base)
		if err != nil {
			t.Fatal(err)
		}
		image := store.Image{Ref: r.Ref(), Tar: store.TarName(r.ID(), key), Key: key, Size: 1}
		if err := os.WriteFile(dir.File(image.Tar), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		index.Images[r.ID()] = image
	}
	if err := dir.Write(index); err != nil {
		t.Fatal(err)
	}
	return index
}

// unreachable builders fail when they try to make anything: there is nowhere to get packages from.
func unreachable(dir store.Dir, lines *[]string) *Builder {
	return &Builder{
		Dir: dir, Mirrors: recipe.Mirrors{Archive: "file:///nonexistent", Security: "file:///nonexistent", Snapshot: "file:///nonexistent"},
		Jobs: 1, Print: func(line string) { *lines = append(*lines, line) },
	}
}

func TestASecondRunDoesNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	dir := store.Dir(t.TempDir())
	complete(t, dir, recipe.All())
	var lines []string
	names := []string{"postgres", "pgpool", "pgbouncer", "postgres-exporter", "pgbouncer-exporter"}
	if err := unreachable(dir, &lines).Build(context.Background(), names); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "15 images") || !strings.Contains(lines[0], "0 made, 15 up to date") {
		t.Errorf("it printed %q", lines)
	}
}

func TestAnImageWhoseArchiveWasDeletedIsNotUpToDate(t *testing.T) {
	t.Parallel()
	dir := store.Dir(t.TempDir())
	b := &Builder{Dir: dir, index: complete(t, dir, recipe.Named("pgbouncer"))}
	for i, r := range recipe.Named("pgbouncer") {
		if i == 0 {
			if err := os.Remove(dir.File(b.index.Images[r.ID()].Tar)); err != nil {
				t.Fatal(err)
			}
		}
		current, err := b.current(r)
		if err != nil || current != (i != 0) {
			t.Errorf("%s is up to date: %v, %v", r.ID(), current, err)
		}
	}
}

func TestAnImageOnAnotherBaseIsNotUpToDate(t *testing.T) {
	t.Parallel()
	dir := store.Dir(t.TempDir())
	r := recipe.Named("pgbouncer")[0]
	b := &Builder{Dir: dir, index: complete(t, dir, []recipe.Recipe{r})}
	base := b.index.Bases[r.Suite]
	base.Digest = "sha256:rebuilt"
	b.index.Bases[r.Suite] = base
	if current, err := b.current(r); err != nil || current {
		t.Errorf("up to date: %v, %v", current, err)
	}
}

func TestAFailureKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := store.Dir(t.TempDir())
	made := recipe.Named("pgbouncer")[:1]
	before := complete(t, dir, made)
	var lines []string
	b := unreachable(dir, &lines)
	b.Root = t.TempDir()
	if err := b.Build(context.Background(), []string{"matriarch", "pgbouncer:1.18.0"}); err == nil {
		t.Fatal("a program without sources was built")
	}
	after, err := dir.Read()
	if err != nil || after.Images[made[0].ID()] != before.Images[made[0].ID()] {
		t.Errorf("the index was %+v and is %+v, %v", before, after, err)
	}
	if _, err := os.Stat(dir.File(before.Images[made[0].ID()].Tar)); err != nil {
		t.Errorf("an archive that the index names is gone: %v", err)
	}
}
