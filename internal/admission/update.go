package admission

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// checkUpdate asks the catalog whether the database may move to the version, and whether the configuration fits it. The
// new version's own programs are asked by the operation, before it touches a pod.
func (w requestWebhook) checkUpdate(
	ctx context.Context, in database.Instance, request opsv1alpha1.OpsRequest,
) (*field.Error, []string) {
	at := field.NewPath("spec", "updateVersion")
	section := request.Base().UpdateVersion
	if section == nil {
		return field.Required(at, "`spec.updateVersion` nil not supported in UpdateVersion type"), nil
	}
	at = at.Child("targetVersion")
	if section.TargetVersion == "" {
		return field.Required(at, "name a version of the catalog"), nil
	}
	updater, ok := database.AsUpdater(w.kind)
	if !ok {
		return field.Forbidden(at, "the version of this kind can not be changed by a request"), nil
	}
	catalog, err := updater.Versions(ctx, w.options.Reader)
	if err != nil {
		return nil, []string{fmt.Sprintf("the catalog could not be read, so the operation will check the version: %v", err)}
	}
	if err := database.CheckUpdate(in.Spec().Version, section.TargetVersion, catalog); err != nil {
		return field.Invalid(at, section.TargetVersion, err.Error()), nil
	}
	reconfigurer, ok := database.AsReconfigurer(w.kind)
	if !ok {
		return nil, nil
	}
	candidate, err := database.WithVersion(w.kind, in, section.TargetVersion)
	if err != nil {
		return field.InternalError(at, err), nil
	}
	problems, err := w.problems(ctx, reconfigurer, candidate)
	if mistake, ok := errors.AsType[*database.Unusable](err); ok {
		return field.Invalid(at, section.TargetVersion, mistake.What), nil
	}
	if err != nil {
		return nil, []string{fmt.Sprintf("whether the configuration fits version %s could not be checked yet: %v", section.TargetVersion, err)}
	}
	return judged(at, section.TargetVersion, problems)
}
