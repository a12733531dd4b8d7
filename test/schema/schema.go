// Package schema compares the CRDs of this project with the schemas that manifests for KubeDB are written against. The
// other side is a list of facts, one line per property (path, type, enum values, default, requirement) and per version
// (names, columns, subresources), in testdata/facts.txt.gz. The facts command makes the list from a folder of CRDs:
//
//	go run ./test/schema/facts CRD-FOLDER test/schema/testdata/facts.txt.gz
//
// Where this project differs on purpose stands in differences.go, each with its reason; any other difference fails the
// test, and so does an entry of that list that is no longer needed.
package schema

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// Fact is what is known of one property of a kind, or of the kind itself.
type Fact struct {
	// Subject is a kind of a version, as in "kubedb.com/v1 Postgres".
	Subject string
	// Path is a property, as in ".spec.tls.certificates[].alias" ("[]" is an item of a list, "{}" a value of a map), or
	// one of the words kind, version and schema for what is known of the kind, the version or its schema as a whole.
	Path string
	// Attributes are name and value; values are JSON where they are not plain words. A value has no tab or line end.
	Attributes map[string]string
}

// Paths of what is known of a kind as a whole: its names and scope; how the version is served, its columns and
// subresources; what its schema says beside its properties.
const (
	kindPath    = "kind"
	versionPath = "version"
	schemaPath  = "schema"
)

// key orders and identifies facts.
func (f Fact) key() string { return f.Subject + "\t" + f.Path }

// String is the fact as one line: subject, path and sorted attributes, separated by tabs.
func (f Fact) String() string {
	fields := []string{f.Subject, f.Path}
	for name, value := range f.Attributes {
		fields = append(fields, name+"="+value)
	}
	slices.Sort(fields[2:])
	return strings.Join(fields, "\t")
}

// parse is the reverse of String.
func parse(line string) (Fact, error) {
	fields := strings.Split(line, "\t")
	if len(fields) < 2 {
		return Fact{}, fmt.Errorf("a fact needs a subject and a path: %q", line)
	}
	fact := Fact{Subject: fields[0], Path: fields[1], Attributes: map[string]string{}}
	for _, field := range fields[2:] {
		name, value, found := strings.Cut(field, "=")
		if !found {
			return Fact{}, fmt.Errorf("an attribute needs a value: %q in %q", field, line)
		}
		fact.Attributes[name] = value
	}
	return fact, nil
}

// ReadCRDs returns the facts of all CRDs in the *.yaml files of a folder, sorted.
func ReadCRDs(folder string) ([]Fact, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no *.yaml file in %s", folder)
	}
	var facts []Fact
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return nil, fmt.Errorf("read %s as a CRD: %w", file, err)
		}
		facts = append(facts, FactsOf(&crd)...)
	}
	sortFacts(facts)
	return facts, nil
}

func sortFacts(facts []Fact) {
	slices.SortFunc(facts, func(a, b Fact) int { return cmp.Compare(a.key(), b.key()) })
}

// Save writes facts, sorted, to a gzip file that is the same for the same facts.
func Save(file string, facts []Fact) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(out)
	for _, fact := range facts {
		fmt.Fprintln(zip, fact)
	}
	if err := cmp.Or(zip.Close(), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// Load reads what Save wrote.
func Load(file string) ([]Fact, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	zip, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	facts, err := readLines(zip)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return facts, nil
}

func readLines(in io.Reader) ([]Fact, error) {
	var facts []Fact
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		fact, err := parse(lines.Text())
		if err != nil {
			return nil, err
		}
		facts = append(facts, fact)
	}
	return facts, lines.Err()
}
