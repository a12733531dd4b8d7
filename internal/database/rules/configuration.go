package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/custom"
)

// Configuration is what a kind says about the configuration file that users may write.
type Configuration struct {
	// Spec is spec.configuration; nil is none.
	Spec *sharedv1.ConfigurationSpec
	// File is the only key of spec.configuration.inline, and the one that is read of the Secret.
	File string
	// Render renders the server's configuration with the user's text in it. It returns the user's settings that have no
	// effect.
	Render func(custom.Text) ([]layer.Override, error)
}

// Check checks what the user configured, as far as it can be known now. A Secret that is not there yet is no error: the
// instance waits for it and says so.
func (c Configuration) Check(ctx context.Context, r client.Reader, now database.Instance) (warnings []string, problems field.ErrorList) {
	at := field.NewPath("spec", "configuration")
	if c.Spec != nil {
		for _, key := range slices.Sorted(maps.Keys(c.Spec.Inline)) {
			if key != c.File {
				problems = append(problems, field.NotSupported(at.Child("inline"), key, []string{c.File}))
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	text, err := custom.Read(ctx, r, now.Object().GetNamespace(), c.Spec, c.File)
	var missing *custom.Missing
	switch {
	case errors.As(err, &missing):
		warnings = append(warnings, missing.Error())
	case err != nil:
		return nil, field.ErrorList{field.InternalError(at.Child("secretName"), err)}
	}
	overridden, err := c.Render(text)
	if err != nil {
		return warnings, field.ErrorList{field.Invalid(at, now.Object().GetName(), err.Error())}
	}
	for _, o := range overridden {
		warnings = append(warnings, fmt.Sprintf("%s = %s has no effect: the operator sets it to %s", o.User.Name, o.User.Value, o.InForce))
	}
	return warnings, nil
}
