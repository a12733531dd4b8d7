package program

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repository is one with a program of this name.
func repository(t *testing.T, name, source string) string {
	t.Helper()
	root := t.TempDir()
	for file, content := range map[string]string{"go.mod": "module example.org/x\n\ngo 1.26\n", "cmd/" + name + "/main.go": source} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const source = "package main\n\nfunc main() { println(\"hello\") }\n"

func TestABinaryDependsOnItsSourcesAlone(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles; left out by -short")
	}
	p := Program{Name: "hello"}
	build := func(source string) string {
		_, digest, err := p.Build(context.Background(), repository(t, "hello", source), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	first := build(source)
	if second := build(source); first != second {
		t.Errorf("the same sources in two folders gave %s and %s", first, second)
	}
	if other := build(strings.Replace(source, "hello", "hallo", 1)); other == first {
		t.Error("other sources gave the same binary")
	}
}

func TestAProgramThatDoesNotCompileIsNamedWithTheCompilersWords(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles; left out by -short")
	}
	root := repository(t, "hello", "package main\n\nfunc main() { undefined() }\n")
	_, _, err := Program{Name: "hello"}.Build(context.Background(), root, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "build hello") || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("got the error %v", err)
	}
}

func TestAProgramWithoutSourcesIsAnError(t *testing.T) {
	t.Parallel()
	_, _, err := Program{Name: "absent"}.Build(context.Background(), t.TempDir(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "there is no cmd/absent") {
		t.Errorf("got the error %v", err)
	}
}

// filled is the layer of a program whose binary has a known content.
func filled(t *testing.T, p Program) (headers map[string]*tar.Header, contents map[string]string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), p.Name)
	if err := os.WriteFile(binary, []byte("the binary"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := p.Fill(w, binary); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	headers, contents = map[string]*tar.Header{}, map[string]string{}
	r := tar.NewReader(&out)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		headers[h.Name], contents[h.Name] = h, string(content)
	}
}

func TestAnImageHoldsTheBinaryAUserAndAPlaceForTemporaryFiles(t *testing.T) {
	t.Parallel()
	headers, contents := filled(t, Program{Name: "matriarch-agent"})
	if contents["usr/local/bin/matriarch-agent"] != "the binary" || headers["usr/local/bin/matriarch-agent"].Mode != 0o755 {
		t.Errorf("the image has %v", slices.Sorted(maps.Keys(headers)))
	}
	if !strings.Contains(contents["etc/passwd"], "nonroot:x:65532:65532:") {
		t.Errorf("the users are %q", contents["etc/passwd"])
	}
	if headers["tmp/"] == nil || headers["tmp/"].Mode != 0o1777 {
		t.Error("there is no folder that everybody may write to")
	}
	if _, ok := contents["etc/ssl/certs/ca-certificates.crt"]; ok {
		t.Error("certificates that were not asked for are there")
	}
	for name, h := range headers {
		if h.Uid != 0 {
			t.Errorf("%s belongs to %d: a program must not be able to change its image", name, h.Uid)
		}
	}
}

func TestTheOperatorsImageHasCertificateAuthorities(t *testing.T) {
	t.Parallel()
	_, contents := filled(t, Program{Name: "matriarch", Certificates: true})
	rest, authorities := []byte(contents["etc/ssl/certs/ca-certificates.crt"]), 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err != nil || !c.IsCA {
			t.Errorf("not a certificate authority: %v", err)
		}
		authorities++
	}
	if authorities < 50 {
		t.Errorf("there are %d certificate authorities", authorities)
	}
}

func TestTheOperatorAndTheAgentHaveImages(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range All() {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"matriarch", "matriarch-agent"}) {
		t.Errorf("there are images of %v", names)
	}
}
