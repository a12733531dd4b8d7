package layer

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"strings"
	"time"
)

// Epoch is the newest time that a file in a layer carries and the moment that images say they were made at: a constant,
// so that the same packages give the same bytes whenever they are assembled.
var Epoch = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// Entry is one file of a root file system.
type Entry struct {
	Header *tar.Header
	Data   []byte
}

// Read calls visit for every entry of a tar archive that belongs into a layer, in the archive's order.
func Read(archive io.Reader, visit func(Entry) error) error {
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the root file system: %w", err)
		}
		header = normalised(header)
		if header.Name == "." || !Keep(header.Name, header.Typeflag == tar.TypeDir) {
			continue
		}
		data, err := io.ReadAll(reader)
		if err != nil {
			return fmt.Errorf("read %s in the root file system: %w", header.Name, err)
		}
		if err := visit(Entry{Header: header, Data: data}); err != nil {
			return err
		}
	}
}

// normalised leaves of a header what matters when the file is unpacked.
func normalised(h *tar.Header) *tar.Header {
	n := &tar.Header{
		Typeflag: h.Typeflag, Name: clean(h.Name), Size: h.Size, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid,
		Linkname: h.Linkname, Devmajor: h.Devmajor, Devminor: h.Devminor, ModTime: h.ModTime.UTC().Truncate(time.Second),
		PAXRecords: extended(h.PAXRecords),
	}
	if h.Typeflag == tar.TypeReg {
		// Nothing in these images has to become another user.
		n.Mode &^= 0o6000
	}
	if h.Typeflag == tar.TypeLink {
		n.Linkname = clean(h.Linkname)
	}
	if n.ModTime.After(Epoch) {
		n.ModTime = Epoch
	}
	return n
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") + rootDot(name) }

// rootDot gives the root folder the name ".", which an empty string would not be.
func rootDot(name string) string {
	if path.Clean("/"+name) == "/" {
		return "."
	}
	return ""
}

// extended keeps file capabilities and other extended attributes.
func extended(records map[string]string) map[string]string {
	const prefix = "SCHILY.xattr."
	var attributes map[string]string
	for key, value := range records {
		if strings.HasPrefix(key, prefix) {
			if attributes == nil {
				attributes = map[string]string{}
			}
			attributes[key] = value
		}
	}
	return attributes
}

// print is what two files must share to be the same file. Times are left out: a file that was written again with the
// same content need not be in a layer twice.
type print struct {
	kind         byte
	mode         int64
	uid, gid     int
	link         string
	major, minor int64
	content      [sha256.Size]byte
	attributes   map[string]string
}

func (e Entry) print() print {
	h := e.Header
	return print{
		kind: h.Typeflag, mode: h.Mode, uid: h.Uid, gid: h.Gid, link: h.Linkname, major: h.Devmajor, minor: h.Devminor,
		content: sha256.Sum256(e.Data), attributes: h.PAXRecords,
	}
}

func (p print) equal(q print) bool {
	return p.kind == q.kind && p.mode == q.mode && p.uid == q.uid && p.gid == q.gid && p.link == q.link &&
		p.major == q.major && p.minor == q.minor && p.content == q.content && maps.Equal(p.attributes, q.attributes)
}
