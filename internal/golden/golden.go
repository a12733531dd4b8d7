// Package golden compares whole results of tests with files that were read and approved once. `go test -update` writes
// them anew; the change is then reviewed like any other.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Text compares a text with testdata/<name>.
func Text(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

// Desired compares all that an instance shall have with testdata/<name>.
func Desired(t testing.TB, name string, d database.Desired) {
	t.Helper()
	d.Config = asText(d.Config)
	secrets := d.Secrets
	d.Secrets = nil
	for _, secret := range secrets {
		d.Secrets = append(d.Secrets, asText(secret))
	}
	if d.PetSet != nil { // a hash of the template, which is compared itself
		d.PetSet = d.PetSet.DeepCopy()
		delete(d.PetSet.Annotations, naming.AnnotationTemplateHash)
	}
	document, err := yaml.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	Text(t, name, string(document))
}

// asText returns a copy with its data as text, so that a golden file shows it.
func asText(secret *corev1.Secret) *corev1.Secret {
	out := secret.DeepCopy()
	out.StringData = map[string]string{}
	for name, content := range out.Data {
		out.StringData[name] = string(content)
	}
	out.Data = nil
	return out
}
