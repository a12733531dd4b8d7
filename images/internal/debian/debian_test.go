package debian

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/images/internal/recipe"
)

func TestTheMachinesAptSettingsAreTakenOver(t *testing.T) {
	t.Parallel()
	got := parseOptions("Acquire::Check-Valid-Until false\nAcquire::Retries \nAcquire::http::Proxy http://proxy:3142\n")
	want := []string{`Acquire::Check-Valid-Until "false";`, `Acquire::http::Proxy "http://proxy:3142";`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := parseOptions(""); len(got) != 0 {
		t.Errorf("no settings gave %q", got)
	}
}

func script(t *testing.T) string {
	t.Helper()
	suite, err := recipe.SuiteNamed("bookworm")
	if err != nil {
		t.Fatal(err)
	}
	r := recipe.Named("postgres")[0]
	return installScript(r, suite, recipe.DebianMirrors, []string{`Acquire::Check-Date "false";`})
}

func TestTheInstallScriptIsShell(t *testing.T) {
	t.Parallel()
	command := exec.Command("sh", "-n")
	command.Stdin = strings.NewReader(script(t))
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

// tried runs the part of the script that looks for the packages with an apt-get that has them only when the sources
// satisfy the condition, and returns the sources of each attempt.
func tried(t *testing.T, condition string) (attempts []string, succeeded bool) {
	t.Helper()
	dir := t.TempDir()
	fake := "#!/bin/sh\n[ $1 = update ] || exit 0\ncp " + dir + "/sources.list " + dir + "/attempt$(ls " + dir + " | grep -c attempt)\n" + condition + " " + dir + "/sources.list\n"
	if err := os.WriteFile(filepath.Join(dir, "apt-get"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	search, _, found := strings.Cut(script(t), "groupadd")
	if !found {
		t.Fatal("the script has no account")
	}
	command := exec.Command("sh", "-c", strings.NewReplacer("/etc/apt/sources.list", dir+"/sources.list", "/etc/apt/apt.conf.d", dir).Replace(search))
	command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	err := command.Run()
	for i := range 5 {
		if text, err := os.ReadFile(filepath.Join(dir, "attempt"+strconv.Itoa(i))); err == nil {
			attempts = append(attempts, string(text))
		}
	}
	return attempts, err == nil
}

func TestThePastIsAskedOnlyWhenTheArchiveDoesNotHaveTheVersions(t *testing.T) {
	t.Parallel()
	const archive, past = "deb.debian.org/debian bookworm ", "snapshot.debian.org/archive/debian/2026"
	for _, c := range []struct {
		reason, condition string
		attempts          int
		last              []string
		lastWithout       string
		succeeds          bool
	}{
		{"the archive has them", "grep -q deb.debian.org", 1, []string{archive}, past, true},
		{"a version has left the archive", "grep -q snapshot", 2, []string{archive, past}, "", true},
		{"the release has left the archive", "! grep -q deb.debian.org", 3, []string{past}, archive, true},
		{"nobody has them", "! grep -q debian", 3, []string{past}, archive, false},
	} {
		attempts, succeeded := tried(t, c.condition)
		if len(attempts) != c.attempts || succeeded != c.succeeds {
			t.Errorf("%s: %d attempts, success %v", c.reason, len(attempts), succeeded)
			continue
		}
		last := attempts[len(attempts)-1]
		for _, want := range c.last {
			if !strings.Contains(last, want) {
				t.Errorf("%s: the last attempt does not ask %s:\n%s", c.reason, want, last)
			}
		}
		if c.lastWithout != "" && strings.Contains(last, c.lastWithout) {
			t.Errorf("%s: the last attempt asks %s:\n%s", c.reason, c.lastWithout, last)
		}
	}
}

func TestTheAccountIsMadeBeforeThePackagesAre(t *testing.T) {
	t.Parallel()
	text := script(t)
	account, packages := strings.Index(text, "useradd"), strings.LastIndex(text, "apt-get install")
	if account < 0 || account > packages {
		t.Errorf("the account is made at %d, the packages are installed at %d", account, packages)
	}
}

func TestMachineSettingsAndSourcesAreWrittenAsTheyAre(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	dir := t.TempDir()
	want := "a \"quoted\" $HOME `line`\nanother\n"
	file(&b, filepath.Join(dir, "out"), strings.Split(strings.TrimSpace(want), "\n"))
	if output, err := exec.Command("sh", "-euc", b.String()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	got, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil || string(got) != want {
		t.Errorf("got %q, want %q (%v)", got, want, err)
	}
}

func TestPackagesSeeLittleOfTheMachine(t *testing.T) {
	t.Setenv("SECRET", "x")
	t.Setenv("http_proxy", "http://proxy:3142")
	set := strings.Join(environment(), " ")
	if strings.Contains(set, "SECRET") {
		t.Errorf("the machine's environment is passed on: %s", set)
	}
	if !strings.Contains(set, "http_proxy='http://proxy:3142'") {
		t.Errorf("the proxy is not passed on: %s", set)
	}
}

func TestALogsEndIsShown(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	lines := make([]string, 40)
	for i := range lines {
		lines[i] = "line"
	}
	lines[39] = "E: Unable to locate package postgresql-15"
	if err := os.WriteFile(log, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := tail(log)
	if !strings.HasSuffix(got, lines[39]) || strings.Count(got, "\n") >= 39 {
		t.Errorf("got %q", got)
	}
	if got := tail(filepath.Join(t.TempDir(), "absent")); !strings.Contains(got, "no such file") {
		t.Errorf("of an absent log there is %q", got)
	}
}

// root skips a test that needs it, and fails it where tests must not be skipped.
func root(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("assembles with mmdebstrap; left out by -short")
	}
	if err := Ready(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func assembler(t *testing.T) Assembler {
	t.Helper()
	return Assembler{Mirrors: recipe.DebianMirrors, Scratch: t.TempDir(), Logs: t.TempDir()}
}

func TestAFailureShowsWhatMmdebstrapSaid(t *testing.T) {
	t.Parallel()
	root(t)
	err := assembler(t).run(context.Background(), "broken", []string{"--variant=no-such-variant", "x", "-"}, func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "invalid variant") || !strings.Contains(err.Error(), "broken.log") {
		t.Errorf("got the error %v", err)
	}
}

func TestWhatTheConsumerSaysIsNotLost(t *testing.T) {
	t.Parallel()
	root(t)
	full := errors.New("no space left")
	a := assembler(t)
	// A root file system of nothing at all, which needs no archive.
	err := a.run(context.Background(), "empty", []string{"--variant=custom", "--skip=update", "", "-"}, func(io.Reader) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("got the error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(a.Scratch, "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestACancelledAssemblyLeavesNoProcess(t *testing.T) {
	t.Parallel()
	root(t)
	ctx, cancel := context.WithCancel(context.Background())
	a := assembler(t)
	started := filepath.Join(a.Scratch, "started")
	result := make(chan error, 1)
	go func() {
		result <- a.run(ctx, "cancelled", []string{
			"--variant=custom", "--skip=update", "--setup-hook=echo $$ > " + started + "; exec sleep 1000", "", "-",
		}, func(r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		})
	}()
	wait(t, "mmdebstrap to run its hook", func() bool { text, _ := os.ReadFile(started); return len(text) > 0 })
	cancel()
	if err := <-result; err == nil {
		t.Error("a cancelled assembly succeeded")
	}
	wait(t, "its processes to be gone", func() bool { return len(processesWith(t, a.Scratch)) == 0 })
}
