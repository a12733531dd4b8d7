// Package scripts says what spec.init.script means: where the scripts are within their volume, and how git-sync has to
// be called so that they get there. All of it is pure.
package scripts

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// DefaultRoot is where git-sync puts a repository unless its arguments say otherwise.
const DefaultRoot = "/git"

// defaultLink is the name of the checked out repository where neither the arguments nor scriptPath give one.
const defaultLink = "current"

// Plan is what a script source amounts to.
type Plan struct {
	// Path of the scripts, a file or a folder, within the volume; empty is the volume itself.
	Path string
	// Root is where git-sync has the volume; empty without git.
	Root string
	// Env are variables for git-sync beside the user's: what the user did not decide.
	Env []corev1.EnvVar
}

// Of reads a script source. The plan is of use only if there is no problem.
func Of(source *sharedv1.ScriptSource) (Plan, field.ErrorList) {
	at := field.NewPath("spec", "init", "script")
	var problems field.ErrorList
	plan := Plan{}
	if source.ScriptPath != "" {
		plan.Path = path.Clean(source.ScriptPath)
	}
	if path.IsAbs(plan.Path) || plan.Path == ".." || strings.HasPrefix(plan.Path, "../") {
		problems = append(problems, field.Invalid(at.Child("scriptPath"), source.ScriptPath,
			"it is a path within the volume: relative, and not out of it"))
	}
	hasVolume := source.VolumeSource != corev1.VolumeSource{}
	switch {
	case source.Git == nil && !hasVolume:
		return plan, append(problems, field.Required(at, "name the volume that holds the scripts, such as a configMap or secret, or a repository in git"))
	case source.Git == nil:
		return plan, problems
	case hasVolume:
		return plan, append(problems, field.Forbidden(at.Child("git"), "the scripts come from one place: give either a volume or git"))
	}
	return plan, append(problems, plan.git(at.Child("git"), source.Git)...)
}

// git completes the plan with what git-sync is told (the manual of git-sync v4; the old names of v3 are read as v4
// reads them).
func (p *Plan) git(at *field.Path, source *sharedv1.GitSource) field.ErrorList {
	var problems field.ErrorList
	refuse := func(value, message string) {
		problems = append(problems, field.Invalid(at.Child("args"), value, message))
	}
	if _, given := option(source, "repo"); !given {
		problems = append(problems, field.Required(at.Child("args"), "name the repository, such as --repo=https://example.com/scripts.git"))
	}
	once, given := option(source, "one-time")
	switch {
	case !given:
		p.setting("ONE_TIME", "true")
	case isFalse(once):
		refuse("--one-time="+once, "git-sync runs in an init container, which has to end: it must be --one-time")
	}
	root, given := option(source, "root")
	if !given {
		root = DefaultRoot
		p.setting("ROOT", root)
	}
	p.Root = path.Clean(root)
	if !path.IsAbs(root) || p.Root == "/" || meets(p.Root, naming.GitSecretDir) || meets(p.Root, naming.AgentDir) {
		refuse("--root="+root, "the volume is mounted there: it must be an absolute path of its own, such as "+DefaultRoot)
	}
	link, given := option(source, "link", "dest")
	if !given {
		link, _, _ = strings.Cut(p.Path, "/")
		if link == "" || link == "." {
			link = defaultLink
		}
		p.setting("LINK", link)
	}
	inside, ok := within(p.Root, link)
	if !ok {
		refuse("--link="+link, "the link must be in the volume, which is what --root names, for the server to see it")
	}
	if p.Path != inside && !strings.HasPrefix(p.Path, inside+"/") {
		p.Path = path.Join(inside, p.Path)
	}
	return problems
}

func (p *Plan) setting(name, value string) {
	p.Env = append(p.Env, corev1.EnvVar{Name: "GITSYNC_" + name, Value: value})
}

// option returns what git-sync is told under one of the names: a flag counts more than a variable. A variable whose
// value comes from elsewhere is given, with an empty value.
func option(source *sharedv1.GitSource, names ...string) (value string, given bool) {
	for _, name := range names {
		for i, arg := range source.Args {
			flag, text, joined := strings.Cut(arg, "=")
			if flag != "--"+name && flag != "-"+name {
				continue
			}
			value, given = text, true
			// Only flags with a value take the next word.
			if !joined && name != "one-time" && i+1 < len(source.Args) {
				value = source.Args[i+1]
			}
		}
		if given {
			return value, true
		}
	}
	for _, name := range names {
		key := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		for _, prefix := range []string{"GITSYNC_", "GIT_SYNC_"} {
			for _, env := range source.Env {
				if env.Name == prefix+key {
					return env.Value, true
				}
			}
		}
	}
	return "", false
}

// isFalse tells whether a boolean is switched off, in the notations that Go's flags know.
func isFalse(value string) bool {
	switch strings.ToLower(value) {
	case "0", "f", "false":
		return true
	}
	return false
}

// meets tells whether one of two paths is in the other.
func meets(a, b string) bool {
	return a == b || strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

// within returns the path of a link relative to the root, and whether it is below the root.
func within(root, link string) (string, bool) {
	if !path.IsAbs(link) {
		link = path.Join(root, link)
	}
	return strings.CutPrefix(path.Clean(link), strings.TrimSuffix(root, "/")+"/")
}
