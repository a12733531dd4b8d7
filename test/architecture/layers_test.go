// Package architecture holds the rules that the whole tree obeys: who may import whom, and how large a piece may
// grow.
package architecture

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/matriarchdb/matriarch/"

// layer is one line of the list in ARCHITECTURE.md: a folder, and how far down the list it stands.
type layer struct {
	folder string
	rank   int
}

func TestAPackageImportsOnlyWhatStandsAboveIt(t *testing.T) {
	t.Parallel()
	layers := readLayers(t)
	for _, p := range listPackages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		if from == p.ImportPath {
			continue // the module's root: no code of its own
		}
		fromLayer, known := find(layers, from)
		if !known {
			t.Errorf("package %s is named by no layer of ARCHITECTURE.md", from)
			continue
		}
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			toLayer, _ := find(layers, to)
			if toLayer.rank > fromLayer.rank {
				t.Errorf("%s imports %s, which stands below it in ARCHITECTURE.md", from, to)
			}
			if kindOf(from) != "" && kindOf(to) != "" && kindOf(from) != kindOf(to) {
				t.Errorf("%s imports its sibling %s", from, to)
			}
		}
	}
}

// kindOf returns the kind whose folder under internal/kinds holds the package, empty for any other package.
func kindOf(pkg string) string {
	rest, found := strings.CutPrefix(pkg, "internal/kinds/")
	if !found {
		return ""
	}
	kind, _, _ := strings.Cut(rest, "/")
	return kind
}

// find returns the layer with the longest folder that holds the package.
func find(layers []layer, pkg string) (best layer, known bool) {
	for _, l := range layers {
		if (pkg == l.folder || strings.HasPrefix(pkg, l.folder+"/")) && len(l.folder) > len(best.folder) {
			best, known = l, true
		}
	}
	return best, known
}

func readLayers(t *testing.T) []layer {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := bytes.Cut(text, []byte("```layers\n"))
	if !found {
		t.Fatal("ARCHITECTURE.md has no ```layers list")
	}
	list, _, _ = bytes.Cut(list, []byte("```"))
	var layers []layer
	for lines := bufio.NewScanner(bytes.NewReader(list)); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 0 {
			layers = append(layers, layer{folder: fields[0], rank: len(layers)})
		}
	}
	return layers
}

type listed struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	list.Dir = root(t)
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	return packages
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
