// Package store keeps what was built: archives and layers in one folder, and an index that says which is which.
package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/matriarchdb/matriarch/images/internal/layer"
)

// IndexFile is the index's name in the folder; a loader reads it to learn what there is.
const IndexFile = "images.json"

// Index is the content of images.json.
type Index struct {
	// Bases are the layers that images of one Debian release share, by the release's codename.
	Bases map[string]Base `json:"bases"`
	// Images are by their short name, such as postgres:15.18 or matriarch-agent.
	Images map[string]Image `json:"images"`
}

// Base is a shared layer.
type Base struct {
	Key string `json:"key"`
	layer.Blob
}

// Image is one archive.
type Image struct {
	// Ref is the name that the archive's image gets when it is imported.
	Ref string `json:"ref"`
	// Tar is the archive's file name, in the index's folder.
	Tar string `json:"tar"`
	// Digest is that of the image's manifest: an image of this name and digest need not be loaded again.
	Digest string `json:"digest"`
	// Key is the digest of everything that the image was made from.
	Key string `json:"key"`
	// Size of the archive in bytes.
	Size int64 `json:"size"`
}

// Key is the digest of what something is made from.
func Key(of ...any) (string, error) {
	text, err := json.Marshal(of)
	if err != nil {
		return "", fmt.Errorf("derive a key: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Dir is the folder.
type Dir string

// Default is $MATRIARCH_CACHE/images, else the user's cache folder's.
func Default() (Dir, error) {
	if cache := os.Getenv("MATRIARCH_CACHE"); cache != "" {
		return Dir(filepath.Join(cache, "images")), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w; set MATRIARCH_CACHE to one", err)
	}
	return Dir(filepath.Join(cache, "matriarch", "images")), nil
}

// Blobs, Logs, Programs and Scratch are the folders inside.
func (d Dir) Blobs() string    { return filepath.Join(string(d), "blobs") }
func (d Dir) Logs() string     { return filepath.Join(string(d), "log") }
func (d Dir) Programs() string { return filepath.Join(string(d), "bin") }
func (d Dir) Scratch() string  { return filepath.Join(string(d), "scratch") }

// File is the path of a file in the folder.
func (d Dir) File(name string) string { return filepath.Join(string(d), name) }

// Read returns the index; an absent or unreadable one is an empty one, because everything in it can be made again.
func (d Dir) Read() (Index, error) {
	var index Index
	text, err := os.ReadFile(d.File(IndexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return empty(), nil
	}
	if err != nil {
		return empty(), fmt.Errorf("read the index of images: %w", err)
	}
	if json.Unmarshal(text, &index) != nil || index.Bases == nil || index.Images == nil {
		return empty(), nil
	}
	return index, nil
}

func empty() Index { return Index{Bases: map[string]Base{}, Images: map[string]Image{}} }

// Write replaces the index.
func (d Dir) Write(index Index) error {
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return fmt.Errorf("write the index of images: %w", err)
	}
	temporary := d.File("." + IndexFile)
	if err := os.WriteFile(temporary, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the index of images: %w", err)
	}
	if err := os.Rename(temporary, d.File(IndexFile)); err != nil {
		return fmt.Errorf("write the index of images: %w", err)
	}
	return nil
}

// Has says whether the index has this image, made from these things, with its archive in place.
func (d Dir) Has(index Index, id, key string) bool {
	image, ok := index.Images[id]
	if !ok || image.Key != key {
		return false
	}
	info, err := os.Stat(d.File(image.Tar))
	return err == nil && info.Size() == image.Size
}
