package rules

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// thing is a database of no kind.
type thing struct{ spec database.Spec }

func (thing) Object() client.Object {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x"}}
}
func (t thing) Spec() database.Spec            { return t.spec }
func (thing) Status() *sharedv1.DatabaseStatus { return &sharedv1.DatabaseStatus{} }
func (t thing) DeepCopy() database.Instance    { return t }

// says checks a rule's answer: an empty want is none at all.
func says(t *testing.T, name string, got field.ErrorList, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Errorf("%s: refused: %v", name, got)
	case want != "" && (len(got) != 1 || !strings.Contains(got[0].Error(), want)):
		t.Errorf("%s: got %v, want one problem that says %q", name, got, want)
	}
}

func TestReplicasHaveARange(t *testing.T) {
	t.Parallel()
	for n, want := range map[int32]string{
		-1: "spec.replicas: Invalid value: -1: `spec.replicas` must be greater than 0",
		0:  "must be greater than 0", 1: "", 9: "", 10: "`spec.replicas` must be less than 10",
	} {
		says(t, "up to 9", Replicas(thing{database.Spec{Replicas: n}}, 9), want)
	}
	says(t, "no bound", Replicas(thing{database.Spec{Replicas: 100}}, 0), "")
}

func TestWhatIsProtectedIsNotHalted(t *testing.T) {
	t.Parallel()
	for policy, want := range map[sharedv1.DeletionPolicy]string{
		sharedv1.DeletionPolicyDoNotTerminate: "Can't halt, since deletion policy is 'DoNotTerminate'", sharedv1.DeletionPolicyHalt: "",
	} {
		says(t, string(policy), Halted(thing{database.Spec{Halted: true, DeletionPolicy: policy}}), want)
		says(t, string(policy), Halted(thing{database.Spec{DeletionPolicy: policy}}), "")
	}
}

func TestInitScriptsComeFromAVolumeOrFromGit(t *testing.T) {
	t.Parallel()
	script := func(s sharedv1.ScriptSource) *sharedv1.InitSpec { return &sharedv1.InitSpec{Script: &s} }
	git := script(sharedv1.ScriptSource{Git: &sharedv1.GitSource{Args: []string{"--repo=x"}}})
	says(t, "none", InitScripts(nil, ""), "")
	says(t, "no script", InitScripts(&sharedv1.InitSpec{}, ""), "")
	says(t, "git", InitScripts(git, "git-sync:4"), "")
	says(t, "git without an image", InitScripts(git, ""), "spec.init.script.git: Forbidden: the catalog object of this version names no image for git-sync")
	says(t, "git without a repository", InitScripts(script(sharedv1.ScriptSource{Git: &sharedv1.GitSource{}}), "git-sync:4"), "name the repository")
	says(t, "no volume", InitScripts(script(sharedv1.ScriptSource{ScriptPath: "x"}), ""), "spec.init.script: Required value: name the volume")
	says(t, "a volume", InitScripts(script(sharedv1.ScriptSource{
		VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}},
	}), ""), "")
}

func TestMonitoringNeedsAnExporter(t *testing.T) {
	t.Parallel()
	now := thing{database.Spec{Version: "15"}}
	says(t, "not monitored", Exporter(now, nil, ""), "")
	says(t, "an exporter", Exporter(now, &sharedv1.MonitoringSpec{}, "image"), "")
	says(t, "no exporter", Exporter(now, &sharedv1.MonitoringSpec{}, ""), "version 15 names no exporter image")
}

func TestADeprecatedVersionIsRefusedForWhatIsNew(t *testing.T) {
	t.Parallel()
	old, other := thing{database.Spec{Version: "1"}}, thing{database.Spec{Version: "2"}}
	for name, c := range map[string]struct {
		old        database.Instance
		deprecated bool
		warned     bool
		want       string
	}{
		"not deprecated":       {nil, false, false, ""},
		"new":                  {nil, true, false, "version 1 is deprecated; `kubectl get things` lists others"},
		"changed to it":        {other, true, false, "spec.version: Invalid value"},
		"it runs with it":      {old, true, true, ""},
		"runs, not deprecated": {old, false, false, ""},
	} {
		warnings, problems := Deprecated(c.old, old, c.deprecated, "things")
		says(t, name, problems, c.want)
		if (len(warnings) > 0) != c.warned {
			t.Errorf("%s: warned %v", name, warnings)
		}
	}
}

func TestFindingsKeepAllThatIsFound(t *testing.T) {
	t.Parallel()
	var f Findings
	at := field.NewPath("spec")
	f.Add([]string{"a"}, field.ErrorList{field.Required(at, "x")})
	f.Refuse(field.Required(at, "y"), field.Required(at, "z"))
	f.Add([]string{"b"}, nil)
	if len(f.Warnings) != 2 || len(f.Problems) != 3 {
		t.Errorf("got %v and %v", f.Warnings, f.Problems)
	}
}
