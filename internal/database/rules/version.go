package rules

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/database"
)

// Version reads the catalog object that spec.version names into the given one, and says what is wrong if it cannot.
// resource is what to list to see the others, such as pgpoolversions.
func Version(ctx context.Context, r client.Reader, now database.Instance, into client.Object, resource string) *field.Error {
	at, name := atVersion(), now.Spec().Version
	if name == "" {
		return field.Required(at, "`spec.version` is missing")
	}
	if err := r.Get(ctx, types.NamespacedName{Name: name}, into); apierrors.IsNotFound(err) {
		return field.Invalid(at, name, "version not supported; `kubectl get "+resource+"` lists those that are")
	} else if err != nil {
		return field.InternalError(at, fmt.Errorf("read %q of %s: %w", name, resource, err))
	}
	return nil
}

// Deprecated refuses a deprecated version for something new. What runs already may go on running.
func Deprecated(old, now database.Instance, deprecated bool, resource string) (warnings []string, problems field.ErrorList) {
	if !deprecated {
		return nil, nil
	}
	name := now.Spec().Version
	message := fmt.Sprintf("version %s is deprecated; `kubectl get %s` lists others", name, resource)
	if old != nil && old.Spec().Version == name {
		return []string{message}, nil
	}
	return nil, field.ErrorList{field.Invalid(atVersion(), name, message)}
}

func atVersion() *field.Path { return field.NewPath("spec", "version") }
