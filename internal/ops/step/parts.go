package step

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Parts are fields of a spec by name, as JSON. A field that is absent from the spec is absent here. An operation
// remembers only what it changes, so whatever else a user edits meanwhile stays.
type Parts = runtime.RawExtension

// Changed returns the fields of the spec that differ between two versions of an object, as they are in each.
func Changed(before, after client.Object) (b, a *Parts, err error) {
	was, err := specOf(before)
	if err != nil {
		return nil, nil, err
	}
	is, err := specOf(after)
	if err != nil {
		return nil, nil, err
	}
	was, is = maps.Clone(was), maps.Clone(is)
	for name := range was {
		if reflect.DeepEqual(was[name], is[name]) {
			delete(was, name)
			delete(is, name)
		}
	}
	if b, err = encode(was); err != nil {
		return nil, nil, err
	}
	a, err = encode(is)
	return b, a, err
}

// Select returns the named fields of an object's spec.
func Select(obj client.Object, names []string) (*Parts, error) {
	spec, err := specOf(obj)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, name := range names {
		if value, found := spec[name]; found {
			out[name] = value
		}
	}
	return encode(out)
}

// Same tells whether two sets of parts are equal.
func Same(a, b *Parts) (bool, error) {
	left, err := decode(a)
	if err != nil {
		return false, err
	}
	right, err := decode(b)
	return reflect.DeepEqual(left, right), err
}

// PartNames returns the sorted names that occur in either.
func PartNames(a, b *Parts) []string {
	names := map[string]bool{}
	for _, p := range []*Parts{a, b} {
		fields, _ := decode(p) // what cannot be read fails where it is used
		for name := range fields {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// setParts fills the empty object to with from, the named fields of its spec replaced by those of parts. A named field
// that parts lacks is removed.
func setParts(from, to client.Object, names []string, parts *Parts) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(from)
	if err != nil {
		return err
	}
	values, err := decode(parts)
	if err != nil {
		return err
	}
	spec, _ := content["spec"].(map[string]any)
	if spec == nil {
		spec = map[string]any{}
		content["spec"] = spec
	}
	for _, name := range names {
		delete(spec, name)
		if value, found := values[name]; found {
			spec[name] = value
		}
	}
	return runtime.DefaultUnstructuredConverter.FromUnstructured(content, to)
}

func specOf(obj client.Object) (map[string]any, error) {
	text, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	var whole struct {
		Spec map[string]any `json:"spec"`
	}
	err = utiljson.Unmarshal(text, &whole)
	dropNulls(whole.Spec)
	return whole.Spec, err
}

// dropNulls removes what is null, at any depth: it means the same as what is absent, and does not survive in the status.
func dropNulls(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if inner == nil {
				delete(v, name)
			}
			dropNulls(inner)
		}
	case []any:
		for _, inner := range v {
			dropNulls(inner)
		}
	}
}

func encode(fields map[string]any) (*Parts, error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode parts of a spec: %w", err)
	}
	return &Parts{Raw: text}, nil
}

func decode(p *Parts) (map[string]any, error) {
	fields := map[string]any{}
	if p == nil || len(p.Raw) == 0 {
		return fields, nil
	}
	if err := utiljson.Unmarshal(p.Raw, &fields); err != nil {
		return nil, fmt.Errorf("read parts of a spec: %w", err)
	}
	return fields, nil
}
