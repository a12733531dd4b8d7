package rules

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

func TestAPodTemplateMustLeaveOursAlone(t *testing.T) {
	t.Parallel()
	rules := Pod{
		Kind: "Pgpool", Containers: []string{"pgpool"}, ForbiddenEnv: []string{"POSTGRES_PASSWORD"},
		ReservedVolumes: []string{"certs"}, ReservedMounts: []string{"/config"},
	}
	env := func(container, name string) sharedv1.PodTemplateSpec {
		return sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{Containers: []corev1.Container{
			{Name: container, Env: []corev1.EnvVar{{Name: name}}},
		}}}
	}
	mount := func(path string) sharedv1.PodTemplateSpec {
		return sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{InitContainers: []corev1.Container{
			{Name: "own", VolumeMounts: []corev1.VolumeMount{{MountPath: path}}},
		}}}
	}
	for name, c := range map[string]struct {
		template sharedv1.PodTemplateSpec
		want     string // empty: accepted
	}{
		"a forbidden variable in our container":   {env("pgpool", "POSTGRES_PASSWORD"), "environment variable POSTGRES_PASSWORD is forbidden to use in Pgpool spec"},
		"the same variable in the user's sidecar": {env("mine", "POSTGRES_PASSWORD"), ""},
		"another variable in our container":       {env("pgpool", "TZ"), ""},
		"a reserved mount path":                   {mount("/config"), "Cannot use mountPath /config because of reservedMountPaths path /config"},
		"a path below a reserved one":             {mount("/config/tls/"), "because of reservedMountPaths path /config"},
		"a path that only begins alike":           {mount("/configuration"), ""},
		"a reserved volume": {sharedv1.PodTemplateSpec{Spec: sharedv1.PodSpec{Volumes: []corev1.Volume{{Name: "certs"}}}},
			"Cannot use a reserve volume name: certs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			problems := rules.Check(field.NewPath("spec", "podTemplate"), &c.template)
			switch {
			case c.want == "" && len(problems) > 0:
				t.Errorf("refused: %v", problems)
			case c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), c.want)):
				t.Errorf("got %v, want one problem that says %q", problems, c.want)
			}
		})
	}
	if problems := rules.Check(field.NewPath("spec", "podTemplate"), nil); len(problems) != 0 {
		t.Errorf("no template at all: refused: %v", problems)
	}
}
