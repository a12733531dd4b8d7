package pg_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/pg"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return string(text)
}

// staged returns a volume with old data in place and complete new data beside it.
func staged(t *testing.T) pg.Volume {
	t.Helper()
	v := pg.Volume{Dir: t.TempDir()}
	put(t, v.Data(), "file", "old")
	if err := v.Stage(); err != nil {
		t.Fatal(err)
	}
	put(t, v.Staged(), "file", "new")
	if v.StagedComplete() {
		t.Error("complete before it was said so")
	}
	if err := v.Complete(); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAStagedDirectoryTakesThePlace(t *testing.T) {
	t.Parallel()
	v := staged(t)
	if !v.StagedComplete() {
		t.Fatal("not complete")
	}
	if err := v.Adopt(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(v.Dir)
	if err != nil || content(v.Data(), "file") != "new" || len(left) != 1 {
		t.Errorf("in place is %q, beside it %v (%v)", content(v.Data(), "file"), left, err)
	}
	inside, err := os.ReadDir(v.Data())
	if err != nil || len(inside) != 1 {
		t.Errorf("the data directory holds %v (%v)", inside, err)
	}
}

func TestAnAdoptionThatWasKilledGoesOn(t *testing.T) {
	t.Parallel()
	kills := map[string]func(t *testing.T, v pg.Volume){
		"before anything": func(*testing.T, pg.Volume) {},
		"with the old data aside": func(t *testing.T, v pg.Volume) {
			if err := os.Rename(v.Data(), v.Former()); err != nil {
				t.Fatal(err)
			}
		},
		"with the old data aside and a still older one": func(t *testing.T, v pg.Volume) {
			put(t, v.Former(), "file", "older")
		},
	}
	for name, kill := range kills {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := staged(t)
			kill(t, v)
			if err := v.Adopt(); err != nil {
				t.Fatal(err)
			}
			if content(v.Data(), "file") != "new" || v.HasFormer() || v.StagedComplete() {
				t.Errorf("in place is %q, former %v, staged %v", content(v.Data(), "file"), v.HasFormer(), v.StagedComplete())
			}
		})
	}
}

func TestAfterTheRenameOnlyTidyingIsLeft(t *testing.T) {
	t.Parallel()
	v := staged(t)
	if err := os.Rename(v.Data(), v.Former()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(v.Staged(), v.Data()); err != nil {
		t.Fatal(err)
	}
	if err := v.Tidy(); err != nil {
		t.Fatal(err)
	}
	if content(v.Data(), "file") != "new" || v.HasFormer() {
		t.Errorf("in place is %q, former %v", content(v.Data(), "file"), v.HasFormer())
	}
}

func TestDataMovedAsideComesBack(t *testing.T) {
	t.Parallel()
	v := pg.Volume{Dir: t.TempDir()}
	put(t, v.Former(), "file", "old")
	if err := v.RestoreFormer(); err != nil {
		t.Fatal(err)
	}
	if content(v.Data(), "file") != "old" || v.HasFormer() {
		t.Errorf("in place is %q, former %v", content(v.Data(), "file"), v.HasFormer())
	}
}

func TestAHalfMadeDirectoryIsClearedBeforeTheNextOne(t *testing.T) {
	t.Parallel()
	v := pg.Volume{Dir: t.TempDir()}
	put(t, v.Staged(), "sub/half", "made")
	if err := v.Stage(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(v.Staged())
	if err != nil || len(left) != 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

func TestAVolumeHasOneAgent(t *testing.T) {
	t.Parallel()
	v := pg.Volume{Dir: t.TempDir()}
	lock, err := v.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Lock(); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("a second lock: %v", err)
	}
	lock.Close()
	again, err := v.Lock()
	if err != nil {
		t.Errorf("after the first one has gone: %v", err)
	} else {
		again.Close()
	}
}

func TestLookingTellsClustersFromOtherFiles(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("asks real programs; not with -short")
	}
	sup := supervise.New(os.Stderr)
	programs, err := pg.FindPrograms(t.Context(), sup)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	v := pg.Volume{Dir: t.TempDir()}
	look := func(want pg.Contents) {
		t.Helper()
		got, err := v.Look(t.Context(), sup, programs, v.Data())
		if err != nil || got != want {
			t.Errorf("%+v (%v), want %+v", got, err, want)
		}
	}
	look(pg.Contents{Empty: true})
	if err := os.Mkdir(v.Data(), 0o700); err != nil {
		t.Fatal(err)
	}
	look(pg.Contents{Empty: true})
	put(t, v.Data(), "something", "else")
	look(pg.Contents{})
	if err := os.RemoveAll(v.Data()); err != nil {
		t.Fatal(err)
	}
	id := initCluster(t, v.Data(), programs)
	look(pg.Contents{Cluster: true, SystemID: id})
	put(t, v.Data(), "standby.signal", "")
	look(pg.Contents{Cluster: true, SystemID: id, Standby: true})
}

// initCluster makes a cluster as the user postgres, because initdb refuses to run as root, and returns its identifier.
func initCluster(t *testing.T, dir string, programs pg.Programs) string {
	t.Helper()
	if os.Getuid() == 0 {
		open(t, filepath.Dir(dir))
	}
	run := func(name string, args ...string) string {
		cmd := exec.CommandContext(context.Background(), programs.Path(name), args...)
		if os.Getuid() == 0 {
			cmd = exec.CommandContext(context.Background(), "setpriv", append([]string{"--reuid=postgres", "--regid=postgres", "--clear-groups", programs.Path(name)}, args...)...)
		}
		output, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, output)
		}
		return string(output)
	}
	run("initdb", "-D", dir, "--no-sync", "-A", "trust")
	for line := range strings.Lines(run("pg_controldata", "-D", dir)) {
		if value, found := strings.CutPrefix(line, "Database system identifier:"); found {
			return strings.TrimSpace(value)
		}
	}
	t.Fatal("no system identifier")
	return ""
}

// open lets another user write into a folder and pass through those above it.
func open(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for up := filepath.Dir(dir); up != "/" && up != os.TempDir(); up = filepath.Dir(up) {
		if info, err := os.Stat(up); err == nil {
			_ = os.Chmod(up, info.Mode()|0o111)
		}
	}
}
