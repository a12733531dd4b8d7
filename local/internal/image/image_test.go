package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
)

func unpack(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for reader := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheArchiveIsWhatDockerSaves(t *testing.T) {
	t.Parallel()
	data, err := SingleProgram("example.local/pause:1", "pause", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, data)
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		t.Fatalf("manifest %s: %v", files["manifest.json"], err)
	}
	if manifest[0].RepoTags[0] != "example.local/pause:1" {
		t.Errorf("the image is called %v", manifest[0].RepoTags)
	}
	var config struct {
		Config struct{ Entrypoint []string }
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(files[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	layer := files[manifest[0].Layers[0]]
	if config.RootFS.DiffIDs[0] != "sha256:"+digest(layer) {
		t.Errorf("the layer's digest is %s, the image says %s", digest(layer), config.RootFS.DiffIDs[0])
	}
	if program := unpack(t, layer)["pause"]; string(program) != "program" || config.Config.Entrypoint[0] != "/pause" {
		t.Errorf("the layer holds %q, the entry point is %v", program, config.Config.Entrypoint)
	}
}

func TestTheSameProgramGivesTheSameImage(t *testing.T) {
	t.Parallel()
	first, err := SingleProgram("a:1", "p", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := SingleProgram("a:1", "p", []byte("program"))
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two images of one program differ (%v)", err)
	}
}
