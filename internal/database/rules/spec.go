package rules

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/scripts"
)

// Replicas checks spec.replicas; a most of 0 means no upper bound.
func Replicas(now database.Instance, most int32) field.ErrorList {
	at, n := field.NewPath("spec", "replicas"), now.Spec().Replicas
	switch {
	case n < 1:
		return field.ErrorList{field.Invalid(at, n, "`spec.replicas` must be greater than 0")}
	case most > 0 && n > most:
		return field.ErrorList{field.Invalid(at, n, fmt.Sprintf("`spec.replicas` must be less than %d", most+1))}
	}
	return nil
}

// Halted refuses to halt what is protected from termination.
func Halted(now database.Instance) field.ErrorList {
	spec := now.Spec()
	if spec.Halted && spec.DeletionPolicy == sharedv1.DeletionPolicyDoNotTerminate {
		return field.ErrorList{field.Forbidden(field.NewPath("spec", "halted"),
			"Can't halt, since deletion policy is 'DoNotTerminate'; change spec.deletionPolicy first")}
	}
	return nil
}

// InitScripts checks spec.init.script. gitSyncer is the image that the catalog object of the version names for git-sync.
func InitScripts(init *sharedv1.InitSpec, gitSyncer string) field.ErrorList {
	if init == nil || init.Script == nil {
		return nil
	}
	_, problems := scripts.Of(init.Script)
	if init.Script.Git != nil && gitSyncer == "" {
		problems = append(problems, field.Forbidden(field.NewPath("spec", "init", "script", "git"),
			"the catalog object of this version names no image for git-sync (spec.gitSyncer.image); complete it, or use a volume"))
	}
	return problems
}

// Exporter refuses to monitor a version whose catalog object names no exporter.
func Exporter(now database.Instance, monitor *sharedv1.MonitoringSpec, image string) field.ErrorList {
	if monitor == nil || image != "" {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("spec", "monitor"),
		"the catalog object of version "+now.Spec().Version+" names no exporter image; remove spec.monitor or complete it")}
}
