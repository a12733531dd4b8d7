package builder

import (
	"archive/tar"
	"context"
	"os"
	"time"

	"github.com/matriarchdb/matriarch/images/internal/layer"
	"github.com/matriarchdb/matriarch/images/internal/oci"
	"github.com/matriarchdb/matriarch/images/internal/program"
	"github.com/matriarchdb/matriarch/images/internal/recipe"
	"github.com/matriarchdb/matriarch/images/internal/store"
)

// program makes the image of one of Matriarch's own programs. Its tag is the digest of its content: an image of a tag
// is always the same one, so a node that has it need not look again.
func (b *Builder) program(ctx context.Context, p program.Program) (made bool, err error) {
	start := time.Now()
	binary, digest, err := p.Build(ctx, b.Root, b.Dir.Programs())
	if err != nil {
		return false, err
	}
	key, err := store.Key(version, architecture, p, digest)
	if err != nil || b.Dir.Has(b.index, p.Name, key) {
		return false, err
	}
	own, err := layer.Store(b.Dir.Blobs(), func(w *tar.Writer) error { return p.Fill(w, binary) })
	if err != nil {
		return false, err
	}
	defer os.Remove(own.File(b.Dir.Blobs()))
	user := recipe.User{UID: program.User, GID: program.User}
	tag := key[:12]
	return true, b.save(p.Name, key, start, oci.Spec{
		Ref: recipe.Registry + "/" + p.Name + ":" + tag, Title: p.Name, Version: tag, Description: p.Description,
		User: user.Numeric(), Path: program.Dir, Entrypoint: []string{program.Dir + "/" + p.Name},
	}, own)
}
