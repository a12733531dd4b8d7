package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/matriarchdb/matriarch/images/internal/debian"
	"github.com/matriarchdb/matriarch/images/internal/layer"
	"github.com/matriarchdb/matriarch/images/internal/oci"
	"github.com/matriarchdb/matriarch/images/internal/recipe"
	"github.com/matriarchdb/matriarch/images/internal/store"
)

// baseKey is the digest of what the shared layer of a suite is made from.
func baseKey(s recipe.Suite) (string, error) {
	return store.Key(version, architecture, s, s.BasePackages())
}

// recipeKey is the digest of what an image is made from. The base's digest is part of it: all images of a suite stand
// on the same base, byte for byte.
func recipeKey(r recipe.Recipe, base store.Base) (string, error) {
	return store.Key(version, architecture, r, r.Prepare(), r.Finish(), base.Digest)
}

// current says whether the image is there as its recipe wants it.
func (b *Builder) current(r recipe.Recipe) (bool, error) {
	suite, err := recipe.SuiteNamed(r.Suite)
	if err != nil {
		return false, err
	}
	want, err := baseKey(suite)
	if err != nil {
		return false, err
	}
	base := b.index.Bases[r.Suite]
	if base.Key != want {
		return false, nil
	}
	key, err := recipeKey(r, base)
	if err != nil {
		return false, err
	}
	return b.Dir.Has(b.index, r.ID(), key), nil
}

// suite assembles images of one release, one after the other on the same base.
func (b *Builder) suite(ctx context.Context, name string, recipes []recipe.Recipe) (made int, failures []error) {
	suite, err := recipe.SuiteNamed(name)
	if err != nil {
		return 0, []error{err}
	}
	assembler := debian.Assembler{Mirrors: b.Mirrors, Scratch: b.Dir.Scratch(), Logs: b.Dir.Logs()}
	base, err := b.base(ctx, assembler, suite)
	if err != nil {
		return 0, []error{err}
	}
	unpacked := filepath.Join(b.Dir.Scratch(), "base-"+name+".tar")
	below, err := b.unpack(base, unpacked)
	if err != nil {
		return 0, []error{err}
	}
	defer os.Remove(unpacked)
	for _, r := range recipes {
		if err := b.server(ctx, assembler, r, ground{base: base, file: unpacked, below: below}); err != nil {
			failures = append(failures, err)
			continue
		}
		made++
	}
	return made, failures
}

// ground is what an image of a suite stands on.
type ground struct {
	base  store.Base
	file  string
	below layer.Base
}

// base makes the shared layer unless it is there.
func (b *Builder) base(ctx context.Context, assembler debian.Assembler, s recipe.Suite) (store.Base, error) {
	key, err := baseKey(s)
	if err != nil {
		return store.Base{}, err
	}
	b.mu.Lock()
	base := b.index.Bases[s.Name]
	b.mu.Unlock()
	if base.Key == key {
		if _, err := os.Stat(base.File(b.Dir.Blobs())); err == nil {
			return base, nil
		}
	}
	start := time.Now()
	err = assembler.Base(ctx, s, func(root io.Reader) error {
		base.Blob, err = layer.Store(b.Dir.Blobs(), func(w *tar.Writer) error { return layer.Copy(w, root) })
		return err
	})
	if err != nil {
		return store.Base{}, err
	}
	base.Key = key
	if err := b.record(func(i *store.Index) { i.Bases[s.Name] = base }); err != nil {
		return store.Base{}, err
	}
	b.Print(fmt.Sprintf("%-26s %-44s %7.1f MiB  %s", s.Name, "(layer that its images share)", float64(base.Size)/(1<<20), seconds(start)))
	return base, nil
}

// unpack writes the shared layer as a plain archive and reads what is in it.
func (b *Builder) unpack(base store.Base, to string) (layer.Base, error) {
	from, err := base.Open(b.Dir.Blobs())
	if err != nil {
		return nil, err
	}
	defer from.Close()
	file, err := os.Create(to)
	if err != nil {
		return nil, fmt.Errorf("unpack the shared layer: %w", err)
	}
	below, err := layer.Index(io.TeeReader(from, file))
	if err != nil {
		return nil, err
	}
	// The end of the archive is padding, which the reader of entries leaves.
	_, rest := io.Copy(file, from)
	if err := errors.Join(rest, file.Close()); err != nil {
		return nil, fmt.Errorf("unpack the shared layer: %w", err)
	}
	return below, nil
}

// server assembles one image.
func (b *Builder) server(ctx context.Context, assembler debian.Assembler, r recipe.Recipe, on ground) error {
	start := time.Now()
	key, err := recipeKey(r, on.base)
	if err != nil {
		return err
	}
	var own layer.Blob
	err = assembler.Image(ctx, r, on.file, func(root io.Reader) error {
		own, err = layer.Store(b.Dir.Blobs(), func(w *tar.Writer) error { return layer.Diff(w, on.below, root) })
		return err
	})
	if err != nil {
		return err
	}
	// The archive has the layer; the folder of blobs keeps only what is shared.
	defer os.Remove(own.File(b.Dir.Blobs()))
	return b.save(r.ID(), key, start, oci.Spec{
		Ref: r.Ref(), Title: r.Name, Version: r.Version, Description: fmt.Sprintf("%s %s from Debian %s", r.Name, r.Version, r.Suite),
		User: r.User.Numeric(), Path: r.Path(), Entrypoint: r.Entrypoint, StopSignal: r.StopSignal,
	}, on.base.Blob, own)
}

// save writes an image's archive and records it.
func (b *Builder) save(id, key string, start time.Time, spec oci.Spec, blobs ...layer.Blob) error {
	spec.Architecture, spec.Created = architecture, layer.Epoch
	built, err := oci.Image(spec, b.Dir.Blobs(), blobs...)
	if err != nil {
		return err
	}
	image := store.Image{Ref: spec.Ref, Tar: store.TarName(id, key), Key: key}
	if image.Digest, err = oci.Save(b.Dir.File(image.Tar), built, spec); err != nil {
		return err
	}
	info, err := os.Stat(b.Dir.File(image.Tar))
	if err != nil {
		return fmt.Errorf("save %s: %w", id, err)
	}
	image.Size = info.Size()
	if err := b.record(func(i *store.Index) { i.Images[id] = image }); err != nil {
		return err
	}
	b.done(id, image, start)
	return nil
}
