package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/images/internal/layer"
)

func locked(t *testing.T) Dir {
	t.Helper()
	dir := Dir(t.TempDir())
	release, err := dir.Lock(func() { t.Error("had to wait for a folder that nobody else uses") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestTheIndexIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	dir := locked(t)
	want := Index{
		Bases:  map[string]Base{"bookworm": {Key: "k", Blob: layer.Blob{Digest: "sha256:aa", DiffID: "sha256:bb", Size: 3}}},
		Images: map[string]Image{"pgpool:4.3.5": {Ref: "r", Tar: "t.tar", Digest: "sha256:cc", Key: "k", Size: 5}},
	}
	if err := dir.Write(want); err != nil {
		t.Fatal(err)
	}
	got, err := dir.Read()
	if err != nil {
		t.Fatal(err)
	}
	if got.Bases["bookworm"] != want.Bases["bookworm"] || got.Images["pgpool:4.3.5"] != want.Images["pgpool:4.3.5"] {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAnIndexThatIsAbsentOrBrokenIsEmpty(t *testing.T) {
	t.Parallel()
	for reason, content := range map[string]string{"absent": "", "cut off": `{"bases": {"bookworm": {"key"`, "of another form": `{"version": 0}`} {
		dir := locked(t)
		if content != "" {
			write(t, dir.File(IndexFile), content)
		}
		index, err := dir.Read()
		if err != nil {
			t.Errorf("an index that is %s: %v", reason, err)
		}
		if index.Bases == nil || index.Images == nil || len(index.Images) != 0 {
			t.Errorf("an index that is %s was read as %+v", reason, index)
		}
	}
}

func TestAnImageIsThereOnlyWithItsKeyAndItsWholeArchive(t *testing.T) {
	t.Parallel()
	dir := locked(t)
	write(t, dir.File("a.tar"), "12345")
	for _, c := range []struct {
		reason string
		image  Image
		want   bool
	}{
		{"all is well", Image{Tar: "a.tar", Key: "key", Size: 5}, true},
		{"made from something else", Image{Tar: "a.tar", Key: "other", Size: 5}, false},
		{"the archive was cut", Image{Tar: "a.tar", Key: "key", Size: 6}, false},
		{"the archive is gone", Image{Tar: "b.tar", Key: "key", Size: 5}, false},
	} {
		index := Index{Images: map[string]Image{"a": c.image}}
		if got := dir.Has(index, "a", "key"); got != c.want {
			t.Errorf("%s: there is %v, want %v", c.reason, got, c.want)
		}
	}
	if dir.Has(Index{}, "a", "key") {
		t.Error("an image that the index does not name is there")
	}
}

func TestAKeyDependsOnEverythingItIsMadeFrom(t *testing.T) {
	t.Parallel()
	key := func(of ...any) string {
		k, err := Key(of...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if again := key(1, "a", []string{"b"}); again != key(1, "a", []string{"b"}) {
		t.Error("the same things gave two keys")
	}
	if key(1, "a") == key(2, "a") || key("ab", "c") == key("a", "bc") {
		t.Error("different things gave one key")
	}
	if _, err := Key(func() {}); err == nil {
		t.Error("something that cannot be written down gave a key")
	}
}

func TestASecondBuilderWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	dir := Dir(t.TempDir())
	release, err := dir.Lock(func() {})
	if err != nil {
		t.Fatal(err)
	}
	waiting, got := make(chan struct{}), make(chan error, 1)
	go func() {
		second, err := dir.Lock(func() { close(waiting) })
		if err == nil {
			second()
		}
		got <- err
	}()
	<-waiting
	select {
	case err := <-got:
		t.Fatalf("two builders had the folder: %v", err)
	default:
	}
	release()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

func TestLockingRemovesWhatAKilledBuilderLeft(t *testing.T) {
	t.Parallel()
	dir := Dir(t.TempDir())
	for _, folder := range []string{filepath.Join(dir.Scratch(), "mmdebstrap.x", "etc"), dir.Blobs()} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	unfinished := []string{
		filepath.Join(dir.Scratch(), "mmdebstrap.x", "etc", "passwd"), dir.File(".image-123"), filepath.Join(dir.Blobs(), ".layer-123"),
	}
	for _, file := range unfinished {
		write(t, file, "x")
	}
	write(t, dir.File("postgres-15.18-abc.tar"), "whole")
	release, err := dir.Lock(func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	for _, file := range unfinished {
		if exists(file) {
			t.Errorf("%s is still there", file)
		}
	}
	if !exists(dir.File("postgres-15.18-abc.tar")) {
		t.Error("a finished image was removed")
	}
	if !exists(dir.Scratch()) {
		t.Error("there is no folder for new builds")
	}
}

func TestPruningKeepsWhatTheIndexNames(t *testing.T) {
	t.Parallel()
	dir := locked(t)
	base := Base{Blob: layer.Blob{Digest: "sha256:aa"}}
	kept := []string{dir.File("new.tar"), base.File(dir.Blobs()), dir.File("notes.txt")}
	old := []string{dir.File("old.tar"), filepath.Join(dir.Blobs(), "bb.tar.zst")}
	for _, file := range append(kept, old...) {
		write(t, file, "x")
	}
	index := Index{Bases: map[string]Base{"bookworm": base}, Images: map[string]Image{"a": {Tar: "new.tar"}}}
	if err := dir.Prune(index); err != nil {
		t.Fatal(err)
	}
	for _, file := range kept {
		if !exists(file) {
			t.Errorf("%s was removed", file)
		}
	}
	for _, file := range old {
		if exists(file) {
			t.Errorf("%s was kept", file)
		}
	}
}

func TestAnArchiveIsNamedAfterImageAndContent(t *testing.T) {
	t.Parallel()
	got := TarName("postgres:15.18", strings.Repeat("0123456789abcdef", 4))
	if want := "postgres-15.18-0123456789ab.tar"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheFolderIsTheOneOfTheEnvironment(t *testing.T) {
	t.Setenv("MATRIARCH_CACHE", "/somewhere")
	if dir, err := Default(); err != nil || dir != "/somewhere/images" {
		t.Errorf("got %s, %v", dir, err)
	}
	t.Setenv("MATRIARCH_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/cache")
	if dir, err := Default(); err != nil || dir != "/cache/matriarch/images" {
		t.Errorf("got %s, %v", dir, err)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if _, err := Default(); err == nil || !strings.Contains(err.Error(), "MATRIARCH_CACHE") {
		t.Errorf("without a home folder the error is %v", err)
	}
}
