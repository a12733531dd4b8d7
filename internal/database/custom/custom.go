// Package custom reads the configuration files that users write themselves: from a Secret, and inline in the spec.
package custom

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// Text is one configuration file of the user's as it stands in both places. Inline is the stronger one.
type Text struct{ Secret, Inline string }

// textLimit bounds what a user may configure, in bytes. The configuration Secret holds it twice, as it was written and
// merged into the server's file, and once more each as it was before; Kubernetes takes a Secret of 1 MiB at most.
const textLimit = 192 << 10

// Fits tells what is wrong with the size of the texts.
func (t Text) Fits(file string) error {
	if size := len(t.Secret) + len(t.Inline); size > textLimit {
		return fmt.Errorf("%s has %d KiB in the Secret and inline together; at most %d KiB can be used", file, size>>10, textLimit>>10)
	}
	return nil
}

// Missing is the error of Read for a Secret that does not exist or lacks the file. It wraps a *database.Waiting: the
// former configuration stays in force until the Secret is as it should be.
type Missing struct{ waiting *database.Waiting }

// Error implements error.
func (m *Missing) Error() string { return m.waiting.Error() }

// Unwrap returns the *database.Waiting.
func (m *Missing) Unwrap() error { return m.waiting }

// What is missing, and what to do about it.
func (m *Missing) What() string { return m.waiting.What }

// Read reads the file from the Secret of the namespace that spec names, if it names one, and from spec itself. spec may
// be nil.
func Read(ctx context.Context, r client.Reader, namespace string, spec *sharedv1.ConfigurationSpec, file string) (Text, error) {
	if spec == nil {
		return Text{}, nil
	}
	text := Text{Inline: spec.Inline[file]}
	if spec.SecretName == "" {
		return text, nil
	}
	name := types.NamespacedName{Namespace: namespace, Name: spec.SecretName}
	var secret corev1.Secret
	if err := r.Get(ctx, name, &secret); apierrors.IsNotFound(err) {
		return text, missing("Secret %s: not found; create it with the key %s, or correct spec.configuration.secretName", name, file)
	} else if err != nil {
		return text, fmt.Errorf("read Secret %s: %w", name, err)
	}
	content, found := secret.Data[file]
	if !found {
		return text, missing("the key %s in Secret %s, where the configuration is looked for; it has %s", file, name, keys(secret.Data))
	}
	text.Secret = string(content)
	return text, nil
}

func missing(format string, args ...any) *Missing {
	return &Missing{waiting: &database.Waiting{What: fmt.Sprintf(format, args...)}}
}

func keys(data map[string][]byte) string {
	if len(data) == 0 {
		return "no key at all"
	}
	return strings.Join(slices.Sorted(maps.Keys(data)), ", ")
}
