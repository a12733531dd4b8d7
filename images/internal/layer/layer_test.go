package layer

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWhatBelongsIntoALayer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path   string
		isDir  bool
		keep   bool
		reason string
	}{
		{"usr/bin/psql", false, true, "a program"},
		{"usr/share/doc/libpq5/copyright", false, true, "a licence"},
		{"usr/share/man/man1", true, false, "documentation"},
		{"usr/share/man", true, true, "a folder that packages expect"},
		{"usr/share/manual", false, true, "a name that only begins like one that is left out"},
		{"dev/null", false, false, "a device, which the runtime brings"},
		{"dev", true, true, "a mount point"},
		{"run/postgresql", true, true, "where servers put their sockets"},
		{"run/postgresql/.s.PGSQL.5432", false, false, "a socket of the build"},
		{"run/systemd", true, false, "state of the build"},
		{"tmp/install", false, false, "a file of the build"},
		{"var/log/postgresql", true, true, "a folder that a package made for its server"},
		{"var/log/apt/history.log", false, false, "a log of the build"},
		{"var/lib/apt/lists/deb.debian.org_InRelease", false, false, "a list of packages"},
		{"var/lib/apt/lists/partial", true, false, "a folder whose owner is not always the same"},
		{"var/lib/dpkg/status", false, true, "what scanners read"},
		{"var/lib/dpkg/status-old", false, false, "a backup"},
		{"etc/passwd", false, true, "users"},
		{"etc/passwd-", false, false, "a backup"},
		{"etc/resolv.conf", false, false, "the machine's"},
		{"etc/apt/sources.list", false, false, "the mirror that was near the machine"},
	} {
		if got := Keep(c.path, c.isDir); got != c.keep {
			t.Errorf("%s (%s): kept %v, want %v", c.path, c.reason, got, c.keep)
		}
	}
}

// tree is a root file system for tests: a path that ends in "/" is a folder, a content that begins with "->" a symbolic
// link and one that begins with "=" a hard link.
type tree map[string]string

var someTime = time.Date(2025, time.March, 1, 12, 0, 0, 0, time.UTC)

func (t tree) archive() io.Reader {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(t)) {
		content := t[name]
		h := &tar.Header{Name: "./" + name, Mode: 0o644, Typeflag: tar.TypeReg, ModTime: someTime}
		switch {
		case strings.HasSuffix(name, "/"):
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		case strings.HasPrefix(content, "->"):
			h.Typeflag, h.Linkname, content = tar.TypeSymlink, content[2:], ""
		case strings.HasPrefix(content, "="):
			h.Typeflag, h.Linkname, content = tar.TypeLink, "./"+content[1:], ""
		default:
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return &out
}

// read is the tree in an archive, with the whiteouts that it has.
func read(t *testing.T, archive io.Reader) tree {
	t.Helper()
	got := tree{}
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		switch h.Typeflag {
		case tar.TypeDir:
			got[h.Name+"/"] = ""
		case tar.TypeSymlink:
			got[h.Name] = "->" + h.Linkname
		case tar.TypeLink:
			got[h.Name] = "=" + h.Linkname
		default:
			got[h.Name] = string(content)
		}
	}
}

func diff(t *testing.T, below, above tree) tree {
	t.Helper()
	base, err := Index(below.archive())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := Diff(w, base, above.archive()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return read(t, &out)
}

// apply does what a container runtime does with a layer.
func apply(below, layer tree) tree {
	result := maps.Clone(below)
	remove := func(name string) {
		for existing := range result {
			if existing == name || strings.HasPrefix(existing, name+"/") {
				delete(result, existing)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(layer)) {
		dir, file := path.Split(name)
		if hidden, ok := strings.CutPrefix(file, whiteout); ok {
			remove(dir + hidden)
			continue
		}
		if !strings.HasSuffix(name, "/") {
			remove(name)
		} else {
			delete(result, strings.TrimSuffix(name, "/"))
		}
		result[name] = layer[name]
	}
	return result
}

func TestALayerHoldsTheDifferenceAndNothingElse(t *testing.T) {
	t.Parallel()
	base := tree{
		"bin": "->usr/bin", "etc/": "", "etc/passwd": "root", "usr/": "", "usr/bin/": "", "usr/bin/sh": "shell",
		"usr/bin/dash": "=usr/bin/sh", "usr/perl/": "", "usr/perl/a": "1", "usr/perl/b": "2",
	}
	with := func(change func(tree)) tree {
		changed := maps.Clone(base)
		change(changed)
		return changed
	}
	for _, c := range []struct {
		reason string
		above  tree
		want   tree
	}{
		{"nothing changed", base, tree{}},
		{"a file was added", with(func(f tree) { f["usr/bin/psql"] = "psql" }), tree{"usr/bin/psql": "psql"}},
		{"a file was changed", with(func(f tree) { f["etc/passwd"] = "root postgres" }), tree{"etc/passwd": "root postgres"}},
		{"a file went", with(func(f tree) { delete(f, "usr/perl/a") }), tree{"usr/perl/.wh.a": ""}},
		{
			"a folder went with everything in it",
			with(func(f tree) { delete(f, "usr/perl/"); delete(f, "usr/perl/a"); delete(f, "usr/perl/b") }),
			tree{"usr/.wh.perl": ""},
		},
		{
			"a folder became a link",
			with(func(f tree) {
				delete(f, "usr/perl/")
				delete(f, "usr/perl/a")
				delete(f, "usr/perl/b")
				f["usr/perl"] = "->bin"
			}),
			tree{"usr/perl": "->bin"},
		},
		{"a link became a folder", with(func(f tree) { delete(f, "bin"); f["bin/"] = "" }), tree{"bin/": ""}},
		{"a link points elsewhere", with(func(f tree) { f["bin"] = "->usr/sbin" }), tree{"bin": "->usr/sbin"}},
		{
			"a hard link was added to a file of the base",
			with(func(f tree) { f["usr/bin/zsh"] = "=usr/bin/sh" }), tree{"usr/bin/zsh": "=usr/bin/sh"},
		},
		{"what does not belong into a layer was added", with(func(f tree) { f["tmp/x"] = "x"; f["etc/resolv.conf"] = "y" }), tree{}},
	} {
		got := diff(t, base, c.above)
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: the layer holds %v, want %v", c.reason, got, c.want)
		}
		wanted := maps.Clone(c.above)
		delete(wanted, "tmp/x")
		delete(wanted, "etc/resolv.conf")
		if result := apply(base, got); !maps.Equal(result, wanted) {
			t.Errorf("%s: base and layer give %v, want %v", c.reason, result, wanted)
		}
	}
}

func TestAHardLinkFollowsItsReplacedTarget(t *testing.T) {
	t.Parallel()
	base := tree{"a": "old", "b": "=a"}
	got := diff(t, base, tree{"a": "new", "b": "=a"})
	if want := (tree{"a": "new", "b": "=a"}); !maps.Equal(got, want) {
		t.Errorf("the layer holds %v, want %v: the link would still lead to the old content", got, want)
	}
}

func TestTimesDoNotMakeADifferenceAndNoneIsAfterTheEpoch(t *testing.T) {
	t.Parallel()
	header := &tar.Header{Name: "./etc/x", Typeflag: tar.TypeReg, Mode: 0o644, ModTime: Epoch.Add(24 * time.Hour), Uname: "root"}
	late := normalised(header)
	if !late.ModTime.Equal(Epoch) {
		t.Errorf("a file of after the epoch has the time %v", late.ModTime)
	}
	if late.Uname != "" {
		t.Errorf("the machine's name for a user is in the layer: %q", late.Uname)
	}
	header.ModTime = someTime
	if early := normalised(header); !early.ModTime.Equal(someTime) {
		t.Errorf("a file of before the epoch has the time %v", early.ModTime)
	}
	if !(Entry{Header: late}).print().equal(Entry{Header: normalised(header)}.print()) {
		t.Error("two files that differ in their time alone are different")
	}
}

func TestModeOwnerAndCapabilitiesMakeADifference(t *testing.T) {
	t.Parallel()
	original := Entry{Header: &tar.Header{Name: "x", Typeflag: tar.TypeReg, Mode: 0o644}}
	for reason, change := range map[string]func(*tar.Header){
		"mode":         func(h *tar.Header) { h.Mode = 0o600 },
		"user":         func(h *tar.Header) { h.Uid = 100 },
		"group":        func(h *tar.Header) { h.Gid = 102 },
		"capabilities": func(h *tar.Header) { h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "1"} },
	} {
		header := *original.Header
		change(&header)
		if original.print().equal(Entry{Header: &header}.print()) {
			t.Errorf("a changed %s went unnoticed", reason)
		}
	}
}

func TestNoProgramBecomesAnotherUser(t *testing.T) {
	t.Parallel()
	su := normalised(&tar.Header{Name: "usr/bin/su", Typeflag: tar.TypeReg, Mode: 0o4755})
	if su.Mode != 0o755 {
		t.Errorf("su has the mode %o", su.Mode)
	}
	sockets := normalised(&tar.Header{Name: "run/postgresql/", Typeflag: tar.TypeDir, Mode: 0o2775})
	if sockets.Mode != 0o2775 {
		t.Errorf("a folder lost the group that its files inherit: %o", sockets.Mode)
	}
}

func TestNamesAreCleanAndCannotLeaveTheRoot(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"./": ".", "./etc/": "etc", "/etc/passwd": "etc/passwd", "../../etc/x": "etc/x"} {
		if got := clean(given); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}

func TestABlobIsTheSameWheneverItIsMade(t *testing.T) {
	t.Parallel()
	files := tree{"etc/": "", "etc/passwd": strings.Repeat("postgres\n", 10000), "usr/": ""}
	store := func(dir string) Blob {
		blob, err := Store(dir, func(w *tar.Writer) error { return Copy(w, files.archive()) })
		if err != nil {
			t.Fatal(err)
		}
		return blob
	}
	dir := t.TempDir()
	first, second := store(dir), store(t.TempDir())
	if first != second {
		t.Errorf("two blobs of the same files: %+v and %+v", first, second)
	}
	info, err := os.Stat(first.File(dir))
	if err != nil || info.Size() != first.Size {
		t.Errorf("the blob says %d bytes, the file is %v, %v", first.Size, info, err)
	}
	archive, err := first.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if got := read(t, archive); !maps.Equal(got, files) {
		t.Errorf("the blob has %d files, want %d", len(got), len(files))
	}
}

func TestAFailedBlobLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Store(dir, func(*tar.Writer) error { return fmt.Errorf("the disk is on fire") })
	if err == nil || !strings.Contains(err.Error(), "on fire") {
		t.Errorf("got the error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestATruncatedRootFileSystemIsAnError(t *testing.T) {
	t.Parallel()
	whole, err := io.ReadAll(tree{"a": strings.Repeat("x", 4096)}.archive())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Index(bytes.NewReader(whole[:2048])); err == nil {
		t.Error("half an archive was taken for a whole one")
	}
}
