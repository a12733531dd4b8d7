package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Annotations by which an importer knows the name of an image: containerd's own, and the one of the specification,
// which has room for the tag alone.
const (
	annotationName    = "io.containerd.image.name"
	annotationRefName = "org.opencontainers.image.ref.name"
)

// Save writes the image as an OCI layout in a tar archive and returns the digest of its manifest, which is also the
// digest that containerd shows. The file is there whole or not at all.
func Save(file string, image v1.Image, spec Spec) (string, error) {
	temporary, err := os.CreateTemp(filepath.Dir(file), ".image-*")
	if err != nil {
		return "", fmt.Errorf("save %s: %w", spec.Ref, err)
	}
	defer os.Remove(temporary.Name())
	defer temporary.Close()
	digest, err := Write(temporary, image, spec)
	if err != nil {
		return "", fmt.Errorf("save %s: %w", spec.Ref, err)
	}
	if err := temporary.Chmod(0o644); err != nil {
		return "", fmt.Errorf("save %s: %w", spec.Ref, err)
	}
	if err := temporary.Sync(); err != nil {
		return "", fmt.Errorf("save %s: %w", spec.Ref, err)
	}
	if err := os.Rename(temporary.Name(), file); err != nil {
		return "", fmt.Errorf("save %s: %w", spec.Ref, err)
	}
	return digest, nil
}

// Write writes the archive.
func Write(to io.Writer, image v1.Image, spec Spec) (string, error) {
	digest, err := image.Digest()
	if err != nil {
		return "", err
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return "", err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return "", err
	}
	name, err := image.ConfigName()
	if err != nil {
		return "", err
	}
	index, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType: types.OCIManifestSchema1, Size: int64(len(manifest)), Digest: digest,
			Platform:    &v1.Platform{Architecture: spec.Architecture, OS: "linux"},
			Annotations: map[string]string{annotationName: spec.Ref, annotationRefName: spec.Version},
		}},
	})
	if err != nil {
		return "", err
	}
	archive := tar.NewWriter(to)
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{blobPath(digest), manifest},
		{blobPath(name), config},
	} {
		if err := add(archive, f.name, int64(len(f.content)), bytes.NewReader(f.content)); err != nil {
			return "", err
		}
	}
	if err := addLayers(archive, image); err != nil {
		return "", err
	}
	return digest.String(), archive.Close()
}

func addLayers(archive *tar.Writer, image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		size, err := l.Size()
		if err != nil {
			return err
		}
		content, err := l.Compressed()
		if err != nil {
			return err
		}
		err = add(archive, blobPath(digest), size, content)
		content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

func add(archive *tar.Writer, name string, size int64, content io.Reader) error {
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}
