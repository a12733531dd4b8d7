// Package oci puts layers together as an image and writes it as an archive that containerd imports.
package oci

import (
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/matriarchdb/matriarch/images/internal/layer"
)

// Spec is what an image is besides its layers.
type Spec struct {
	// Ref is the full name with the tag.
	Ref string
	// Title, Version and Description are for people.
	Title, Version, Description string
	Architecture                string
	Created                     time.Time
	// User is numeric, so that a kubelet can tell that it is not root.
	User       string
	Path       string
	Entrypoint []string
	StopSignal string
}

// Labels of the OCI image specification.
const (
	labelTitle       = "org.opencontainers.image.title"
	labelVersion     = "org.opencontainers.image.version"
	labelDescription = "org.opencontainers.image.description"
)

// Image stacks layers, the lowest first, out of a folder of blobs.
func Image(spec Spec, dir string, blobs ...layer.Blob) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, b := range blobs {
		stored, err := newStored(dir, b)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{Layer: stored, History: v1.History{
			Created: v1.Time{Time: spec.Created}, CreatedBy: spec.Description,
		}})
		if err != nil {
			return nil, fmt.Errorf("add a layer to %s: %w", spec.Ref, err)
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", spec.Ref, err)
	}
	file = file.DeepCopy()
	file.Architecture, file.OS, file.Created = spec.Architecture, "linux", v1.Time{Time: spec.Created}
	file.Config = v1.Config{
		User: spec.User, Env: []string{"PATH=" + spec.Path}, Entrypoint: spec.Entrypoint, WorkingDir: "/", StopSignal: spec.StopSignal,
		Labels: map[string]string{labelTitle: spec.Title, labelVersion: spec.Version, labelDescription: spec.Description},
	}
	image, err = mutate.ConfigFile(image, file)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", spec.Ref, err)
	}
	return image, nil
}

// stored is a layer whose digests are known already, so that nothing is compressed or hashed twice.
type stored struct {
	dir            string
	blob           layer.Blob
	digest, diffID v1.Hash
}

func newStored(dir string, b layer.Blob) (v1.Layer, error) {
	digest, err := v1.NewHash(b.Digest)
	if err != nil {
		return nil, fmt.Errorf("layer %q: %w", b.Digest, err)
	}
	diffID, err := v1.NewHash(b.DiffID)
	if err != nil {
		return nil, fmt.Errorf("layer %q: %w", b.DiffID, err)
	}
	return &stored{dir: dir, blob: b, digest: digest, diffID: diffID}, nil
}

func (s *stored) Digest() (v1.Hash, error)             { return s.digest, nil }
func (s *stored) DiffID() (v1.Hash, error)             { return s.diffID, nil }
func (s *stored) Size() (int64, error)                 { return s.blob.Size, nil }
func (s *stored) MediaType() (types.MediaType, error)  { return types.OCILayerZStd, nil }
func (s *stored) Compressed() (io.ReadCloser, error)   { return os.Open(s.blob.File(s.dir)) }
func (s *stored) Uncompressed() (io.ReadCloser, error) { return s.blob.Open(s.dir) }
