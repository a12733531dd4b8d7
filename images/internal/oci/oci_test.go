package oci

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/matriarchdb/matriarch/images/internal/layer"
)

var spec = Spec{
	Ref: "matriarch.local/postgres:15.18", Title: "postgres", Version: "15.18", Description: "PostgreSQL", Architecture: "amd64",
	Created: layer.Epoch, User: "100:102", Path: "/usr/bin", Entrypoint: []string{"postgres"}, StopSignal: "SIGINT",
}

// blob stores a layer with one file.
func blob(t *testing.T, dir, name, content string) layer.Blob {
	t.Helper()
	b, err := layer.Store(dir, func(w *tar.Writer) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpack writes the files of an archive below a folder.
func unpack(t *testing.T, archive, to string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := tar.NewReader(file)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func saved(t *testing.T, blobs ...string) (v1.Image, string, string) {
	t.Helper()
	dir := t.TempDir()
	var layers []layer.Blob
	for _, name := range blobs {
		layers = append(layers, blob(t, dir, name, "content of "+name))
	}
	image, err := Image(spec, dir, layers...)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "image.tar")
	digest, err := Save(archive, image, spec)
	if err != nil {
		t.Fatal(err)
	}
	return image, archive, digest
}

func TestAnArchiveIsAValidLayoutOfTheImage(t *testing.T) {
	t.Parallel()
	_, archive, digest := saved(t, "etc/base", "etc/server")
	dir := t.TempDir()
	unpack(t, archive, dir)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := v1.NewHash(digest)
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(hash)
	if err != nil {
		t.Fatalf("the archive has no image of the digest that was returned: %v", err)
	}
	if err := validate.Image(image, validate.Fast); err != nil {
		t.Errorf("the archived image is not valid: %v", err)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 2 {
		t.Fatalf("the archived image has %d layers, want 2: %v", len(layers), err)
	}
}

func TestAnImporterLearnsNameAndPlatform(t *testing.T) {
	t.Parallel()
	_, archive, digest := saved(t, "etc/base")
	dir := t.TempDir()
	unpack(t, archive, dir)
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Manifests) != 1 {
		t.Fatalf("the index names %d images", len(index.Manifests))
	}
	m := index.Manifests[0]
	if m.Annotations["io.containerd.image.name"] != spec.Ref || m.Digest.String() != digest || m.Platform.Architecture != "amd64" {
		t.Errorf("the index says %+v", m)
	}
}

func TestTheConfigurationSaysHowToRunIt(t *testing.T) {
	t.Parallel()
	image, _, _ := saved(t, "etc/base", "etc/server")
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := file.Config
	if c.User != "100:102" || !slices.Equal(c.Env, []string{"PATH=/usr/bin"}) || !slices.Equal(c.Entrypoint, []string{"postgres"}) || c.StopSignal != "SIGINT" {
		t.Errorf("the configuration is %+v", c)
	}
	if file.OS != "linux" || file.Architecture != "amd64" || len(file.RootFS.DiffIDs) != 2 {
		t.Errorf("the image is for %s/%s with %d layers", file.OS, file.Architecture, len(file.RootFS.DiffIDs))
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range manifest.Layers {
		if l.MediaType != types.OCILayerZStd {
			t.Errorf("a layer is of the type %s", l.MediaType)
		}
	}
}

func TestImagesOfOneBaseShareItsLayer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	base := blob(t, dir, "etc/debian_version", "12")
	digests := map[string]bool{}
	for _, server := range []string{"usr/bin/psql", "usr/sbin/pgbouncer"} {
		image, err := Image(spec, dir, base, blob(t, dir, server, server))
		if err != nil {
			t.Fatal(err)
		}
		layers, err := image.Layers()
		if err != nil {
			t.Fatal(err)
		}
		digest, err := layers[0].Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests[digest.String()] = true
	}
	if len(digests) != 1 {
		t.Errorf("two images of one base have the lowest layers %v", digests)
	}
}

func TestTheSameContentIsTheSameImage(t *testing.T) {
	t.Parallel()
	_, _, first := saved(t, "etc/base")
	_, _, second := saved(t, "etc/base")
	if first != second {
		t.Errorf("the digests are %s and %s", first, second)
	}
}

func TestAnImageThatCannotBeSavedLeavesNoFile(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), t.TempDir()
	b := blob(t, dir, "etc/base", "x")
	image, err := Image(spec, dir, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.File(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Save(filepath.Join(out, "image.tar"), image, spec); err == nil {
		t.Fatal("an image whose layer is missing was saved")
	}
	if left, _ := os.ReadDir(out); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestALayerWithoutADigestIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Image(spec, t.TempDir(), layer.Blob{Digest: "sha256:1", DiffID: "md5"}); err == nil {
		t.Error("a layer with a broken digest was accepted")
	}
}
