// Package program makes images of Matriarch's own programs: one static binary on nothing.
package program

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/matriarchdb/matriarch/images/internal/layer"
)

// User runs the programs: a number that belongs to nobody.
const User = 65532

// Dir is where the binary is in its image.
const Dir = "/usr/local/bin"

// Program is one image of a program of this repository.
type Program struct {
	// Name is that of the image, of the binary and of its folder in cmd/.
	Name string
	// Certificates adds the certificate authorities that browsers trust.
	Certificates bool
	// Description is for people.
	Description string
}

// All are the programs that have an image.
func All() []Program {
	return []Program{
		{Name: "matriarch", Certificates: true, Description: "Matriarch, the operator"},
		{Name: "matriarch-agent", Description: "Matriarch's agent, which an init container copies into database pods"},
	}
}

// Build compiles the program of the repository at root into dir and returns the binary's path and digest. Nothing of
// the machine or the commit is in the binary, so the digest is that of the sources.
func (p Program) Build(ctx context.Context, root, dir string) (binary, digest string, err error) {
	if _, err := os.Stat(filepath.Join(root, "cmd", p.Name)); err != nil {
		return "", "", fmt.Errorf("build %s: there is no cmd/%s below %s", p.Name, p.Name, root)
	}
	binary = filepath.Join(dir, p.Name)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, "./cmd/"+p.Name)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off", "GOFLAGS=")
	if output, err := command.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build %s: %w\n%s", p.Name, err, bytes.TrimSpace(output))
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return "", "", fmt.Errorf("build %s: %w", p.Name, err)
	}
	sum := sha256.Sum256(content)
	return binary, hex.EncodeToString(sum[:]), nil
}

// Fill writes the image's only layer.
func (p Program) Fill(w *tar.Writer, binary string) error {
	content, err := os.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.Name, err)
	}
	files := []file{
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\nnonroot:x:%d:\n", User)},
		{name: "etc/passwd", mode: 0o644, content: fmt.Appendf(nil,
			"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:%d:%d:nonroot:/:/sbin/nologin\n", User, User)},
	}
	if p.Certificates {
		files = append(files,
			file{name: "etc/ssl/", mode: 0o755}, file{name: "etc/ssl/certs/", mode: 0o755},
			file{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: authorities()})
	}
	files = append(files,
		file{name: "tmp/", mode: 0o1777},
		file{name: "usr/", mode: 0o755}, file{name: "usr/local/", mode: 0o755}, file{name: "usr/local/bin/", mode: 0o755},
		file{name: "usr/local/bin/" + p.Name, mode: 0o755, content: content})
	for _, f := range files {
		if err := f.write(w); err != nil {
			return fmt.Errorf("write %s into the layer of %s: %w", f.name, p.Name, err)
		}
	}
	return nil
}

type file struct {
	name    string
	mode    int64
	content []byte
}

func (f file) write(w *tar.Writer) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: layer.Epoch}
	if f.name[len(f.name)-1] == '/' {
		header.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err := w.Write(f.content)
	return err
}

// authorities are Mozilla's, as the Go project packages them: those of the machine may have additions that are nobody
// else's business.
func authorities() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
	}
	return text.Bytes()
}
