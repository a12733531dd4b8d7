package recipe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// git runs a command of git in a folder, as somebody.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	command := exec.Command("git", append([]string{"-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
	command.Dir = dir
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, output)
	}
}

// commit makes a repository, if there is none, and a commit in it.
func commit(t *testing.T, dir, file, text string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		git(t, dir, "init", "--quiet", "--initial-branch=main")
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", ".")
	git(t, dir, "commit", "--quiet", "--message", file)
}

// sync runs the stand-in.
func sync(t *testing.T, env []string, args ...string) (output string, failed bool) {
	t.Helper()
	command := exec.Command("sh", append([]string{"-s", "--"}, args...)...)
	command.Stdin = strings.NewReader(string(gitSyncScript))
	command.Env = append(os.Environ(), append([]string{"TMPDIR=" + t.TempDir()}, env...)...)
	text, err := command.CombinedOutput()
	return string(text), err != nil
}

func TestTheStandInOfGitSyncLeavesALinkToTheRepository(t *testing.T) {
	t.Parallel()
	source, root := t.TempDir(), filepath.Join(t.TempDir(), "git")
	commit(t, source, "one.sql", "1")
	repo := "--repo=file://" + source
	if output, failed := sync(t, nil, repo, "--depth=1", "--period=60s", "--add-user=true", "--link", "current", "--root", root, "--one-time"); failed {
		t.Fatalf("it fails: %s", output)
	}
	has := func(link, file, want string) {
		t.Helper()
		if text, err := os.ReadFile(filepath.Join(root, link, file)); err != nil || string(text) != want {
			t.Errorf("%s/%s is %q (%v), want %q", link, file, text, err, want)
		}
	}
	has("current", "one.sql", "1")
	if target, err := os.Readlink(filepath.Join(root, "current")); err != nil || !strings.HasPrefix(target, ".worktrees/") {
		t.Errorf("the link is %q (%v): it must be relative, because the server has the volume elsewhere", target, err)
	}
	commit(t, source, "two.sql", "2")
	git(t, source, "tag", "v2")
	commit(t, source, "two.sql", "3")
	// Once more, with variables, over what is there.
	env := []string{"GITSYNC_ROOT=" + root, "GITSYNC_REF=v2", "GITSYNC_LINK=sub/now", "GITSYNC_ONE_TIME=true"}
	if output, failed := sync(t, env, repo, "--link=current"); failed {
		t.Fatalf("it fails: %s", output)
	}
	has("current", "two.sql", "2")
	if output, failed := sync(t, env, repo); failed {
		t.Fatalf("the same commit again: %s", output)
	}
	has("sub/now", "two.sql", "2")
}

func TestTheStandInOfGitSyncSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	root := "--root=" + filepath.Join(t.TempDir(), "git")
	for says, args := range map[string][]string{
		"'/nowhere' does not appear to be a git repository": {"--repo=file:///nowhere", root, "--one-time"},
		"the option --webhook-url is not known":             {"--repo=x", root, "--one-time", "--webhook-url=x"},
		"--one-time is missing":                             {"--repo=x", root},
		"--repo is missing":                                 {root, "--one-time"},
		"the option --link needs a value":                   {"--repo=x", "--link"},
	} {
		output, failed := sync(t, nil, args...)
		if !failed || !strings.Contains(output, says) {
			t.Errorf("%v: failed %v and said %q, want %q", args, failed, output, says)
		}
	}
}
