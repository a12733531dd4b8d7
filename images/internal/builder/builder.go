// Package builder makes the images that are not there yet.
package builder

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/matriarchdb/matriarch/images/internal/debian"
	"github.com/matriarchdb/matriarch/images/internal/program"
	"github.com/matriarchdb/matriarch/images/internal/recipe"
	"github.com/matriarchdb/matriarch/images/internal/store"
)

// version is raised when the way of making images changes so that the same recipe gives another image.
const version = 3

// Builder makes images.
type Builder struct {
	// Dir is where images are kept.
	Dir store.Dir
	// Root is the repository, for Matriarch's own programs.
	Root string
	// Mirrors are where Debian's packages come from.
	Mirrors recipe.Mirrors
	// Jobs is how many Debian releases are worked on at the same time.
	Jobs int
	// Print shows one line to the user.
	Print func(line string)

	mu    sync.Mutex
	index store.Index
}

// Names are the short names of all images.
func Names() []string {
	var names []string
	for _, p := range program.All() {
		names = append(names, p.Name)
	}
	for _, r := range recipe.All() {
		names = append(names, r.ID())
	}
	return names
}

// selection are the images to make.
type selection struct {
	programs []program.Program
	recipes  []recipe.Recipe
}

// selected finds what the names mean: postgres:15.18 is one image, postgres all of that name, bookworm all of that
// Debian release. No name means everything.
func selected(names []string) (selection, error) {
	var s selection
	used := map[string]bool{}
	wanted := func(candidates ...string) bool {
		found := len(names) == 0
		for _, c := range candidates {
			if slices.Contains(names, c) {
				used[c], found = true, true
			}
		}
		return found
	}
	for _, p := range program.All() {
		if wanted(p.Name) {
			s.programs = append(s.programs, p)
		}
	}
	for _, r := range recipe.All() {
		if wanted(r.ID(), r.Name, r.Suite) {
			s.recipes = append(s.recipes, r)
		}
	}
	for _, name := range names {
		if !used[name] {
			return selection{}, fmt.Errorf("there is no image %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	return s, nil
}

// Build makes the images of these names that are not there yet, all if there is no name. One that fails does not keep
// the others from being made.
func (b *Builder) Build(ctx context.Context, names []string) error {
	wanted, err := selected(names)
	if err != nil {
		return err
	}
	start := time.Now()
	release, err := b.Dir.Lock(func() { b.Print("waiting for another build in " + string(b.Dir)) })
	if err != nil {
		return err
	}
	defer release()
	if b.index, err = b.Dir.Read(); err != nil {
		return err
	}
	made, err := b.buildAll(ctx, wanted)
	total := len(wanted.programs) + len(wanted.recipes)
	if err := errors.Join(err, b.Dir.Prune(b.index)); err != nil {
		return err
	}
	b.Print(fmt.Sprintf("%d images in %s: %d made, %d up to date (%s)", total, b.Dir, made, total-made, seconds(start)))
	return nil
}

func (b *Builder) buildAll(ctx context.Context, wanted selection) (made int, err error) {
	var failures []error
	for _, p := range wanted.programs {
		built, err := b.program(ctx, p)
		if err != nil {
			failures = append(failures, err)
		}
		made += count(built)
	}
	bySuite := map[string][]recipe.Recipe{}
	var suites []string
	for _, r := range wanted.recipes {
		if current, err := b.current(r); err != nil {
			return made, err
		} else if current {
			continue
		}
		if bySuite[r.Suite] == nil {
			suites = append(suites, r.Suite)
		}
		bySuite[r.Suite] = append(bySuite[r.Suite], r)
	}
	if len(suites) == 0 {
		return made, errors.Join(failures...)
	}
	if err := debian.Ready(); err != nil {
		return made, errors.Join(append(failures, err)...)
	}
	assembled, failed := b.suites(ctx, suites, bySuite)
	return made + assembled, errors.Join(append(failures, failed...)...)
}

// suites assembles the images of several releases, Jobs releases at a time.
func (b *Builder) suites(ctx context.Context, suites []string, recipes map[string][]recipe.Recipe) (made int, failures []error) {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		slots = make(chan struct{}, max(1, b.Jobs))
	)
	for _, suite := range suites {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			n, errs := b.suite(ctx, suite, recipes[suite])
			mu.Lock()
			defer mu.Unlock()
			made, failures = made+n, append(failures, errs...)
		})
	}
	group.Wait()
	return made, failures
}

// record puts an image into the index at once, so that a build that is killed later has not worked in vain.
func (b *Builder) record(change func(*store.Index)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.index)
	return b.Dir.Write(b.index)
}

func (b *Builder) done(id string, image store.Image, start time.Time) {
	b.Print(fmt.Sprintf("%-26s %-44s %7.1f MiB  %s", id, image.Ref, float64(image.Size)/(1<<20), seconds(start)))
}

func seconds(since time.Time) string { return fmt.Sprintf("%.1f s", time.Since(since).Seconds()) }

func count(built bool) int {
	if built {
		return 1
	}
	return 0
}

// architecture is the one of this machine; packages of another are not installed.
const architecture = runtime.GOARCH
