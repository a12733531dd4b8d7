package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/matriarchdb/matriarch/local/internal/atomicfile"
)

// imageList maps the names of images to their digests.
type imageList map[string]string

// parseImages reads the output of "ctr images list": a heading, then one line
// per name with type and digest.
func parseImages(output string) imageList {
	list := imageList{}
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.HasPrefix(fields[2], "sha256:") {
			continue
		}
		// Beside its names an image is listed under its digest.
		if name := fields[0]; !strings.HasPrefix(name, "sha256:") && !strings.Contains(name, "@sha256:") {
			list[name] = fields[2]
		}
	}
	return list
}

var unpacking = regexp.MustCompile(`(?m)^unpacking (\S+) \((sha256:[0-9a-f]+)\)`)

// parseImport reads what "ctr images import" says it has imported.
func parseImport(output string) imageList {
	list := imageList{}
	for _, match := range unpacking.FindAllStringSubmatch(output, -1) {
		list[match[1]] = match[2]
	}
	return list
}

// holds says whether all of the other's images are there, unchanged.
func (l imageList) holds(other imageList) bool {
	for name, digest := range other {
		if l[name] != digest {
			return false
		}
	}
	return len(other) > 0
}

// loaded notes which images a node got from which archive, so that loading the
// same archive again need not read it. It is believed only as far as the node
// still has these very images.
type loaded struct {
	Size    int64     `json:"size"`
	Changed int64     `json:"changed"`
	Images  imageList `json:"images"`
}

func (c *Cluster) loadedFile(node string) string {
	return filepath.Join(string(c.State.Node(node)), "loaded.json")
}

// readLoaded is what is noted of a node; a note that cannot be read is none.
func (c *Cluster) readLoaded(node string) map[string]loaded {
	notes := map[string]loaded{}
	if data, err := os.ReadFile(c.loadedFile(node)); err != nil || json.Unmarshal(data, &notes) != nil {
		return map[string]loaded{}
	}
	return notes
}

// noteLoaded adds an archive to a node's notes, and drops those of archives
// that are no longer there.
func (c *Cluster) noteLoaded(node, archive string, info os.FileInfo, images imageList) error {
	notes := c.readLoaded(node)
	for path := range notes {
		if _, err := os.Stat(path); err != nil {
			delete(notes, path)
		}
	}
	notes[archive] = loaded{Size: info.Size(), Changed: info.ModTime().UnixNano(), Images: images}
	data, err := json.Marshal(notes)
	if err != nil {
		return fmt.Errorf("note the images of %s: %w", node, err)
	}
	return atomicfile.Write(c.loadedFile(node), data, 0o644)
}

// same says whether the note is about this very archive.
func (l loaded) same(info os.FileInfo) bool {
	return l.Size == info.Size() && l.Changed == info.ModTime().UnixNano()
}
