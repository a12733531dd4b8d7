package api_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

// groups register the API groups of this project, but for apps.k8s.appscode.com, whose types mirror StatefulSet's.
func groups() []func(*runtime.Scheme) error {
	return []func(*runtime.Scheme) error{
		appcatalogv1alpha1.AddToScheme, catalogv1alpha1.AddToScheme, kubedbv1.AddToScheme, kubedbv1alpha2.AddToScheme,
		opsv1alpha1.AddToScheme,
	}
}

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range groups() {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// meaningfulZeros are the types with a field whose zero value must be written, and how an empty one then reads.
var meaningfulZeros = map[string]string{
	"v1alpha2.Backend":    `{"weight":0}`,        // no share of the reads
	"v1alpha1.StashParam": `{"value":""}`,        // an empty argument
	"v1alpha1.Disruption": `{"podsRestarted":0}`, // the good news
}

func TestAnEmptyStructWritesNoField(t *testing.T) {
	t.Parallel()
	for _, structType := range ourStructs(t) {
		text, err := json.Marshal(reflect.New(structType).Interface())
		if err != nil {
			t.Fatal(err)
		}
		want := "{}"
		if zero, meant := meaningfulZeros[structType.String()]; meant {
			want = zero
		}
		if strings.HasSuffix(structType.Name(), "List") {
			want = `{"metadata":{},"items":null}` // nobody applies a list
		}
		if string(text) != want && string(text) != `{"items":null}` {
			t.Errorf("an empty %s writes %s, want %s", structType, text, want)
		}
	}
}

func TestAnEmptyObjectConvertsToNothing(t *testing.T) {
	t.Parallel()
	for _, object := range []runtime.Object{
		&kubedbv1.Postgres{}, &kubedbv1.PgBouncer{}, &kubedbv1alpha2.Pgpool{}, &opsv1alpha1.PostgresOpsRequest{},
		&opsv1alpha1.PgpoolOpsRequest{}, &opsv1alpha1.PgBouncerOpsRequest{}, &catalogv1alpha1.PostgresVersion{},
		&catalogv1alpha1.PgpoolVersion{}, &catalogv1alpha1.PgBouncerVersion{}, &appcatalogv1alpha1.AppBinding{},
	} {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			t.Fatal(err)
		}
		if len(content) != 0 {
			t.Errorf("an empty %T becomes %v", object, content)
		}
	}
}

func TestTheTypesKeepEverythingAManifestSays(t *testing.T) {
	t.Parallel()
	scheme := newScheme(t)
	for _, manifest := range manifests(t) {
		t.Run(title(manifest), func(t *testing.T) {
			t.Parallel()
			typed, err := scheme.New(manifest.GroupVersionKind())
			if err != nil {
				t.Fatal(err)
			}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(manifest.Object, typed, true); err != nil {
				t.Fatal(err)
			}
			back, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(spoken(manifest.Object), spoken(back)); diff != "" {
				t.Errorf("the typed object says something else (-manifest +typed):\n%s", diff)
			}
		})
	}
}

// spoken leaves out empty texts, false, and the empty resources that Kubernetes' own Container always writes: they mean
// the same as silence. Numbers stay: 0 is not silence.
func spoken(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range value {
			item = spoken(item)
			if none, isMap := item.(map[string]any); item == "" || item == false || key == "resources" && isMap && len(none) == 0 {
				continue
			}
			out[key] = item
		}
		return out
	case []any:
		out := make([]any, 0, len(value))
		for _, item := range value {
			out = append(out, spoken(item))
		}
		return out
	default:
		return value
	}
}

// ourStructs are the struct types of this project that are reachable from its kinds.
func ourStructs(t *testing.T) []reflect.Type {
	t.Helper()
	seen := map[reflect.Type]bool{}
	var found []reflect.Type
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(typ.Elem())
		case reflect.Struct:
			if seen[typ] || !strings.Contains(typ.PkgPath(), "/matriarch/api/") {
				return
			}
			seen[typ] = true
			found = append(found, typ)
			for i := range typ.NumField() {
				visit(typ.Field(i).Type)
			}
		}
	}
	for _, typ := range newScheme(t).AllKnownTypes() {
		visit(typ)
	}
	if len(found) < 50 {
		t.Fatalf("only %d types found: %v", len(found), found)
	}
	return found
}

// manifests are the example objects in testdata.
func manifests(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob("testdata/manifests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	var all []*unstructured.Unstructured
	for _, file := range files {
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		documents := utilyaml.NewYAMLOrJSONDecoder(in, 4096)
		for {
			object := &unstructured.Unstructured{}
			err := documents.Decode(object)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all = append(all, object)
		}
	}
	return all
}

func title(object *unstructured.Unstructured) string {
	return object.GetKind() + " " + object.GetName()
}
