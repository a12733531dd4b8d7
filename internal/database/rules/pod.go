// Package rules holds the admission rules that the database kinds share. A kind puts together the ones that it needs;
// what a rule reads, it reads through the given client, and it changes nothing.
package rules

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// Pod says what a user's pod template must leave alone.
type Pod struct {
	// Kind of the database, for the messages.
	Kind string
	// ForbiddenEnv are variables that no container of ours may be given: they are set by the operator, or would give
	// the server credentials behind its back.
	ForbiddenEnv []string
	// Containers are the names of our containers, to which ForbiddenEnv applies.
	Containers []string
	// ReservedVolumes are the names of our volumes.
	ReservedVolumes []string
	// ReservedMounts are our mount paths; whatever lies below them is reserved too.
	ReservedMounts []string
}

// Check returns what is wrong with the template.
func (r Pod) Check(at *field.Path, template *sharedv1.PodTemplateSpec) field.ErrorList {
	if template == nil {
		return nil
	}
	var problems field.ErrorList
	spec := at.Child("spec")
	for i, volume := range template.Spec.Volumes {
		if slices.Contains(r.ReservedVolumes, volume.Name) {
			problems = append(problems, field.Invalid(spec.Child("volumes").Index(i).Child("name"), volume.Name,
				"Cannot use a reserve volume name: "+volume.Name))
		}
	}
	for i, container := range template.Spec.Containers {
		problems = append(problems, r.container(spec.Child("containers").Index(i), container)...)
	}
	for i, container := range template.Spec.InitContainers {
		problems = append(problems, r.container(spec.Child("initContainers").Index(i), container)...)
	}
	return problems
}

func (r Pod) container(at *field.Path, container corev1.Container) field.ErrorList {
	var problems field.ErrorList
	if slices.Contains(r.Containers, container.Name) {
		for i, env := range container.Env {
			if slices.Contains(r.ForbiddenEnv, env.Name) {
				problems = append(problems, field.Invalid(at.Child("env").Index(i).Child("name"), env.Name,
					fmt.Sprintf("environment variable %s is forbidden to use in %s spec", env.Name, r.Kind)))
			}
		}
	}
	for i, mount := range container.VolumeMounts {
		if reserved, ok := r.reserved(mount.MountPath); ok {
			problems = append(problems, field.Invalid(at.Child("volumeMounts").Index(i).Child("mountPath"), mount.MountPath,
				fmt.Sprintf("Cannot use mountPath %s because of reservedMountPaths path %s", mount.MountPath, reserved)))
		}
	}
	return problems
}

// reserved returns the reserved path that holds the given one. Whole path elements are compared: /configuration is not
// below /config.
func (r Pod) reserved(path string) (string, bool) {
	path = strings.TrimRight(path, "/")
	for _, reserved := range r.ReservedMounts {
		if path == reserved || strings.HasPrefix(path, reserved+"/") {
			return reserved, true
		}
	}
	return "", false
}
