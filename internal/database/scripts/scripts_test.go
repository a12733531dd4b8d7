package scripts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

func fromGit(scriptPath string, args ...string) sharedv1.ScriptSource {
	return sharedv1.ScriptSource{ScriptPath: scriptPath, Git: &sharedv1.GitSource{Args: append([]string{"--repo=https://example.com/x/scripts.git"}, args...)}}
}

func fromConfigMap(scriptPath string) sharedv1.ScriptSource {
	return sharedv1.ScriptSource{ScriptPath: scriptPath, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}}
}

func withEnv(source sharedv1.ScriptSource, env ...corev1.EnvVar) sharedv1.ScriptSource {
	source.Git.Env = env
	return source
}

func TestWhereTheScriptsAre(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source     sharedv1.ScriptSource
		root, path string
		env        string // variables that are added
	}{
		"a volume":                            {fromConfigMap(""), "", "", ""},
		"a file of a volume":                  {fromConfigMap("first.sql"), "", "first.sql", ""},
		"a folder of a volume, with a dot":    {fromConfigMap("./a/b/"), "", "a/b", ""},
		"the guides' own arguments":           {fromGit("current", "--depth=1", "--period=60s", "--link=current", "--root=/git", "--one-time"), "/git", "current", ""},
		"the guides' other root":              {fromGit("current", "--link=current", "--root=/init-script-from-git", "--one-time"), "/init-script-from-git", "current", ""},
		"a guide that names no link":          {fromGit("current", "--add-user=true", "--one-time"), "/git", "current", "ROOT=/git LINK=current"},
		"a guide whose path is in the repo":   {fromGit("herd/pgpool", "--link=current", "--root=/git", "--one-time"), "/git", "current/herd/pgpool", ""},
		"nothing but the repository":          {fromGit(""), "/git", "current", "ONE_TIME=true ROOT=/git LINK=current"},
		"a link and no path":                  {fromGit("", "--link=now", "--one-time"), "/git", "now", "ROOT=/git"},
		"a folder below the link":             {fromGit("now/db", "--link=now", "--one-time=true"), "/git", "now/db", "ROOT=/git"},
		"a name that only begins as the link": {fromGit("nowhere", "--link=now", "--one-time"), "/git", "now/nowhere", "ROOT=/git"},
		"values as words of their own":        {fromGit("now", "--link", "now", "--root", "/srv/git/", "-one-time"), "/srv/git", "now", ""},
		"an absolute link below the root":     {fromGit("a/b", "--link=/git/a/b", "--one-time"), "/git", "a/b", "ROOT=/git"},
		"the name of the link in git-sync v3": {fromGit("", "--dest=now", "--one-time"), "/git", "now", "ROOT=/git"},
		"variables": {withEnv(fromGit(""), corev1.EnvVar{Name: "GITSYNC_ROOT", Value: "/r"}, corev1.EnvVar{Name: "GIT_SYNC_DEST", Value: "d"},
			corev1.EnvVar{Name: "GITSYNC_ONE_TIME", Value: "1"}), "/r", "d", ""},
		"a flag is stronger than a variable": {withEnv(fromGit("", "--link=flag", "--one-time"), corev1.EnvVar{Name: "GITSYNC_LINK", Value: "variable"}), "/git", "flag", "ROOT=/git"},
		"the last flag counts":               {fromGit("", "--link=a", "--link=b", "--one-time"), "/git", "b", "ROOT=/git"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, problems := Of(&c.source)
			if len(problems) > 0 {
				t.Fatalf("refused: %v", problems.ToAggregate())
			}
			var env []string
			for _, e := range plan.Env {
				env = append(env, strings.TrimPrefix(e.Name, "GITSYNC_")+"="+e.Value)
			}
			got := []string{plan.Root, plan.Path, strings.Join(env, " ")}
			if diff := cmp.Diff([]string{c.root, c.path, c.env}, got); diff != "" {
				t.Errorf("root, path, variables (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	both := fromConfigMap("")
	both.Git = &sharedv1.GitSource{Args: []string{"--repo=x"}}
	for name, c := range map[string]struct {
		source sharedv1.ScriptSource
		says   string
	}{
		"no source":                      {sharedv1.ScriptSource{ScriptPath: "x"}, "spec.init.script: Required value: name the volume"},
		"two sources":                    {both, "spec.init.script.git: Forbidden: the scripts come from one place"},
		"an absolute path":               {fromConfigMap("/etc"), "spec.init.script.scriptPath: Invalid value"},
		"a path out of the volume":       {fromConfigMap("a/../../b"), "spec.init.script.scriptPath: Invalid value"},
		"no repository":                  {sharedv1.ScriptSource{Git: &sharedv1.GitSource{}}, "spec.init.script.git.args: Required value: name the repository"},
		"a sync that never ends":         {fromGit("", "--one-time=false"), "it must be --one-time"},
		"a variable that never ends":     {withEnv(fromGit(""), corev1.EnvVar{Name: "GITSYNC_ONE_TIME", Value: "0"}), "it must be --one-time"},
		"a relative root":                {fromGit("", "--root=git"), "must be an absolute path of its own"},
		"everything as the root":         {fromGit("", "--root=/"), "must be an absolute path of its own"},
		"the credentials as the root":    {fromGit("", "--root=/etc"), "must be an absolute path of its own"},
		"the agent's root":               {fromGit("", "--root=/matriarch/x"), "must be an absolute path of its own"},
		"a root that cannot be known":    {withEnv(fromGit(""), corev1.EnvVar{Name: "GITSYNC_ROOT", ValueFrom: &corev1.EnvVarSource{}}), "must be an absolute path of its own"},
		"a link beside the volume":       {fromGit("", "--link=/tmp/x"), "the link must be in the volume"},
		"a link out of the volume":       {fromGit("", "--link=../x"), "the link must be in the volume"},
		"a link that is the volume":      {fromGit("", "--link=/git"), "the link must be in the volume"},
		"a link that begins as the root": {fromGit("", "--link=/github/x"), "the link must be in the volume"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, problems := Of(&c.source); !strings.Contains(problems.ToAggregate().Error(), c.says) {
				t.Errorf("got %v, want %q", problems, c.says)
			}
		})
	}
}
