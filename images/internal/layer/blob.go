package layer

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// Blob is a layer as it is stored: a tar archive compressed with zstd.
type Blob struct {
	// Digest is that of the compressed bytes, DiffID that of the archive; both with "sha256:" before them.
	Digest string `json:"digest"`
	DiffID string `json:"diffID"`
	// Size is that of the compressed bytes.
	Size int64 `json:"size"`
}

// File is the blob's path in a folder of blobs.
func (b Blob) File(dir string) string {
	return filepath.Join(dir, filepath.Base(b.Digest[len("sha256:"):])+".tar.zst")
}

// Open returns the archive inside the blob.
func (b Blob) Open(dir string) (io.ReadCloser, error) {
	file, err := os.Open(b.File(dir))
	if err != nil {
		return nil, fmt.Errorf("open the layer: %w", err)
	}
	decoder, err := zstd.NewReader(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("decompress the layer %s: %w", b.Digest, err)
	}
	return &opened{ReadCloser: decoder.IOReadCloser(), file: file}, nil
}

type opened struct {
	io.ReadCloser
	file *os.File
}

func (o *opened) Close() error {
	o.ReadCloser.Close()
	return o.file.Close()
}

// Store writes a layer into a folder of blobs under its digest. A blob is there whole or not at all.
func Store(dir string, fill func(*tar.Writer) error) (Blob, error) {
	temporary, err := os.CreateTemp(dir, ".layer-*")
	if err != nil {
		return Blob{}, fmt.Errorf("store a layer: %w", err)
	}
	defer os.Remove(temporary.Name())
	defer temporary.Close()
	blob, err := compress(temporary, fill)
	if err != nil {
		return Blob{}, err
	}
	if err := temporary.Sync(); err != nil {
		return Blob{}, fmt.Errorf("store a layer: %w", err)
	}
	if err := os.Rename(temporary.Name(), blob.File(dir)); err != nil {
		return Blob{}, fmt.Errorf("store a layer: %w", err)
	}
	return blob, nil
}

// compress works on one core: the result then does not depend on the machine.
func compress(file io.Writer, fill func(*tar.Writer) error) (Blob, error) {
	compressed := &counter{hash: sha256.New(), to: file}
	encoder, err := zstd.NewWriter(compressed, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return Blob{}, fmt.Errorf("compress a layer: %w", err)
	}
	plain := sha256.New()
	archive := tar.NewWriter(io.MultiWriter(encoder, plain))
	if err := fill(archive); err != nil {
		return Blob{}, err
	}
	if err := archive.Close(); err != nil {
		return Blob{}, fmt.Errorf("finish a layer: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return Blob{}, fmt.Errorf("compress a layer: %w", err)
	}
	return Blob{Digest: digest(compressed.hash), DiffID: digest(plain), Size: compressed.size}, nil
}

func digest(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

type counter struct {
	hash hash.Hash
	to   io.Writer
	size int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.hash.Write(p)
	c.size += int64(len(p))
	return c.to.Write(p)
}
