package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// configuration converts a typed object into what is sent in a server-side apply: without status, and without the
// null fields that typed structs always carry (an apply would claim them).
func configuration(scheme *runtime.Scheme, obj client.Object) (*unstructured.Unstructured, error) {
	gvk, err := apiutil.GVKForObject(obj, scheme)
	if err != nil {
		return nil, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("convert %s %s: %w", gvk.Kind, client.ObjectKeyFromObject(obj), err)
	}
	prune(content)
	delete(content, "status")
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(gvk)
	u.SetManagedFields(nil)
	u.SetResourceVersion("")
	return u, nil
}

// prune removes null values from maps, at every depth.
func prune(value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			if child == nil {
				delete(v, key)
				continue
			}
			prune(child)
		}
	case []any:
		for _, child := range v {
			prune(child)
		}
	}
}

// fingerprint identifies what is in force of an object as the API server holds it, apart from what changes by itself:
// status, versions and bookkeeping. Two fingerprints of one object differ only if somebody changed its content.
func fingerprint(scheme *runtime.Scheme, obj client.Object) (string, error) {
	u, err := configuration(scheme, obj)
	if err != nil {
		return "", err
	}
	unstructured.RemoveNestedField(u.Object, "metadata", "generation")
	return digest(u)
}

func digest(u *unstructured.Unstructured) (string, error) {
	text, err := json.Marshal(u.Object) // maps are marshalled with sorted keys
	if err != nil {
		return "", fmt.Errorf("marshal %s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}
