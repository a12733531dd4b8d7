package layer

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"slices"
)

// whiteout is the prefix by which a layer says that a file of a layer below is gone, as the OCI image specification
// defines it.
const whiteout = ".wh."

// Base is what is known of the layer below.
type Base map[string]print

// Index reads the layer below.
func Index(archive io.Reader) (Base, error) {
	base := Base{}
	err := Read(archive, func(e Entry) error {
		base[e.Header.Name] = e.print()
		return nil
	})
	return base, err
}

// Copy writes every entry that belongs into a layer.
func Copy(w *tar.Writer, root io.Reader) error {
	return Read(root, func(e Entry) error { return write(w, e) })
}

// Diff writes what the root file system adds to the base, changes in it and takes away from it.
func Diff(w *tar.Writer, base Base, root io.Reader) error {
	isDir, written := map[string]bool{}, map[string]bool{}
	err := Read(root, func(e Entry) error {
		name := e.Header.Name
		isDir[name] = e.Header.Typeflag == tar.TypeDir
		// A hard link that looks unchanged still has to follow a target that was replaced.
		follows := e.Header.Typeflag == tar.TypeLink && written[e.Header.Linkname]
		if below, ok := base[name]; ok && below.equal(e.print()) && !follows {
			return nil
		}
		written[name] = true
		return write(w, e)
	})
	if err != nil {
		return err
	}
	for _, name := range gone(base, isDir) {
		mark := &tar.Header{
			Typeflag: tar.TypeReg, Name: path.Join(path.Dir(name), whiteout+path.Base(name)), Mode: 0o644, ModTime: Epoch,
		}
		if err := write(w, Entry{Header: mark}); err != nil {
			return err
		}
	}
	return nil
}

// gone are the topmost paths of the base that the root file system no longer has, sorted. What lay in a folder that is
// now something else went with the folder.
func gone(base Base, isDir map[string]bool) []string {
	var names []string
	for name := range base {
		parent := path.Dir(name)
		if _, there := isDir[name]; !there && (parent == "." || isDir[parent]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func write(w *tar.Writer, e Entry) error {
	if err := w.WriteHeader(e.Header); err != nil {
		return fmt.Errorf("write %s into the layer: %w", e.Header.Name, err)
	}
	if _, err := w.Write(e.Data); err != nil {
		return fmt.Errorf("write %s into the layer: %w", e.Header.Name, err)
	}
	return nil
}
