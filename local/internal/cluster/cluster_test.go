package cluster

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/network"
)

func plan(t *testing.T) network.Plan {
	t.Helper()
	p, err := network.Parse("10.123.0.0/16", "id")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheUsersProxyIsNotForTheCluster(t *testing.T) {
	t.Parallel()
	const except = "10.123.0.0/16,127.0.0.1,localhost,.svc,.cluster.local"
	for name, each := range map[string]struct{ environment, want []string }{
		"no proxy":             {[]string{"HOME=/root"}, nil},
		"exceptions alone":     {[]string{"no_proxy=x"}, nil},
		"a proxy":              {[]string{"https_proxy=p", "A=b"}, []string{"https_proxy=p", "NO_PROXY=" + except}},
		"a proxy with a limit": {[]string{"HTTP_PROXY=p", "no_proxy=x"}, []string{"HTTP_PROXY=p", "NO_PROXY=x," + except}},
	} {
		if got := proxyVariables(each.environment, plan(t)); !slices.Equal(got, each.want) {
			t.Errorf("%s: got %v, want %v", name, got, each.want)
		}
	}
	kept := withoutProxy([]string{"A=b", "HTTPS_PROXY=p", "NO_PROXY=x"}, plan(t))
	if !slices.Equal(kept, []string{"A=b", "HTTPS_PROXY=p", "NO_PROXY=x," + except}) {
		t.Errorf("kubectl's environment is %v", kept)
	}
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	for _, each := range []struct {
		text  string
		lines int
		want  string
	}{
		{"", 2, ""}, {"a", 2, "a"}, {"a\nb\nc\n", 2, "b\nc\n"}, {"a\nb\n", 2, "a\nb\n"}, {"a\nb", 1, "b"}, {"a\n\nb\n", 2, "\nb\n"},
	} {
		if got := string(lastLines([]byte(each.text), each.lines)); got != each.want {
			t.Errorf("%d of %q: got %q, want %q", each.lines, each.text, got, each.want)
		}
	}
}

func TestTheTailOfAMissingLogIsEmpty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if text, err := tail(dir+"/none", 3); text != "" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	long := dir + "/long"
	if err := os.WriteFile(long, []byte(strings.Repeat("line\n", 1<<19)+"last\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := tail(long, 1); text != "last\n" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestTheOwnManifestsAreUnderstood(t *testing.T) {
	t.Parallel()
	list, err := split(baseManifest)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, each := range list {
		paths = append(paths, each.path)
	}
	want := []string{
		"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/matriarch-local:addons", "/api/v1/namespaces/cert-manager",
		"/apis/storage.k8s.io/v1/csidrivers/csi.matriarch.local", "/apis/storage.k8s.io/v1/storageclasses/standard",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("got %v, want %v", paths, want)
	}
	for _, bad := range []string{"kind: Pod\nmetadata:\n  name: x\n", "kind: Namespace\n", "metadata:\n  name: x\n"} {
		if _, err := split([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestNodesAreOnlyAdded(t *testing.T) {
	t.Parallel()
	for _, each := range []struct{ have, asked, want int }{{0, 0, 1}, {2, 0, 2}, {1, 3, 3}, {3, 3, 3}} {
		c := &Cluster{Config: Config{Nodes: each.have}}
		if err := c.resize(each.asked); err != nil || c.Config.Nodes != each.want {
			t.Errorf("%d, asked for %d: got %d, %v", each.have, each.asked, c.Config.Nodes, err)
		}
	}
	for _, asked := range []int{-1, 1, network.MaxNodes + 1} {
		if err := (&Cluster{Config: Config{Nodes: 2}}).resize(asked); err == nil {
			t.Errorf("2 nodes, asked for %d: accepted", asked)
		}
	}
}

func TestANodeIsReadyOnlyByTheWordOfItsPresentKubelet(t *testing.T) {
	t.Parallel()
	started := time.Date(2030, 1, 1, 12, 0, 0, 500, time.UTC)
	node := func(taint, status string, heartbeat time.Time) (n nodeObject) {
		if taint != "" {
			n.Spec.Taints = append(n.Spec.Taints, struct{ Key string }{taint})
		}
		n.Status.Conditions = append(n.Status.Conditions, struct {
			Type, Status, Message string
			LastHeartbeatTime     time.Time
		}{"Ready", status, "why not", heartbeat})
		return n
	}
	same := started.Truncate(time.Second)
	for word, each := range map[string]nodeObject{
		"":             node("", "True", same),
		"not-ready":    node("node.kubernetes.io/not-ready", "True", same),
		"unreachable":  node("node.kubernetes.io/unreachable", "True", same),
		"why not":      node("", "False", same),
		"not reported": node("", "True", same.Add(-time.Second)),
		"no condition": {},
	} {
		err := each.ready(started)
		if word == "" && err != nil || word != "" && (err == nil || !strings.Contains(err.Error(), word)) {
			t.Errorf("want %q, got %v", word, err)
		}
	}
}

func TestTheSubnetOfAClusterDoesNotChange(t *testing.T) {
	state := layout.State(t.TempDir())
	t.Setenv("MATRIARCH_LOCAL_SUBNET", "10.50.0.0/16")
	config, err := readConfig(state)
	if err != nil || config.Subnet != "10.50.0.0/16" {
		t.Fatalf("before the first start: %+v, %v", config, err)
	}
	if err := config.write(state); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MATRIARCH_LOCAL_SUBNET", "")
	if config, err := readConfig(state); err != nil || config.Subnet != "10.50.0.0/16" {
		t.Errorf("without a wish: %+v, %v", config, err)
	}
	t.Setenv("MATRIARCH_LOCAL_SUBNET", "10.60.0.0/16")
	if _, err := readConfig(state); err == nil || !strings.Contains(err.Error(), "was made with 10.50.0.0/16") {
		t.Errorf("another wish: %v", err)
	}
}

func TestProgramsAreNamedByWhereTheyReallyAre(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "real"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	program := inFolder(dir)
	if got := program("link"); filepath.Base(got) != "real" {
		t.Errorf("the link leads to %s", got)
	}
	if got := program("missing"); got != filepath.Join(dir, "missing") {
		t.Errorf("a missing program is %s", got)
	}
}

func TestProgressHasOneLinePerPiece(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out)
	p.done("etcd", "ready", time.Now())
	p.say("a %s", "word")
	if lines := strings.Split(out.String(), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "etcd ") || !strings.HasSuffix(lines[0], " s") || lines[1] != "a word" {
		t.Errorf("got %q", out.String())
	}
}

func TestOneCommandAtATimeChangesTheCluster(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "lock")
	unlock, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockFile(path); err == nil {
		t.Error("two have the lock")
	}
	unlock()
	again, err := lockFile(path)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again()
}

const listing = `REF                    TYPE                                                 DIGEST      SIZE    PLATFORMS   LABELS
example.local/a:1      application/vnd.docker.distribution.manifest.v2+json sha256:aaaa 1.4 MiB linux/amd64 io.cri-containerd.image=managed
docker.io/library/b:2  application/vnd.oci.image.manifest.v1+json           sha256:bbbb 1.4 MiB linux/amd64 -
sha256:cccc            application/vnd.oci.image.manifest.v1+json           sha256:bbbb 1.4 MiB linux/amd64 -
x@sha256:dddd          application/vnd.oci.image.manifest.v1+json           sha256:dddd 1.4 MiB linux/amd64 -
`

func TestANodesImagesAreKnownByNameAndDigest(t *testing.T) {
	t.Parallel()
	list := parseImages(listing)
	if len(list) != 2 || list["example.local/a:1"] != "sha256:aaaa" || list["docker.io/library/b:2"] != "sha256:bbbb" {
		t.Errorf("got %v", list)
	}
	imported := parseImport("unpacking example.local/a:1 (sha256:aaaa)...done\nunpacking y (sha256:eeee)...done\n")
	if len(imported) != 2 || imported["y"] != "sha256:eeee" {
		t.Errorf("imported are %v", imported)
	}
	for what, each := range map[string]struct {
		other imageList
		want  bool
	}{
		"one of them":   {imageList{"example.local/a:1": "sha256:aaaa"}, true},
		"another build": {imageList{"example.local/a:1": "sha256:ffff"}, false},
		"a missing one": {imported, false},
		"nothing known": {imageList{}, false},
	} {
		if list.holds(each.other) != each.want {
			t.Errorf("%s: got %v", what, !each.want)
		}
	}
}

func TestAnArchiveIsKnownAgainUntilItChanges(t *testing.T) {
	t.Parallel()
	c := &Cluster{}
	c.State = layout.State(t.TempDir())
	archive, gone := filepath.Join(t.TempDir(), "a.tar"), filepath.Join(t.TempDir(), "gone.tar")
	for _, path := range []string{gone, archive} {
		if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.noteLoaded("node-1", path, info, imageList{"a": "sha256:aa"}); err != nil {
			t.Fatal(err)
		}
		if note := c.readLoaded("node-1")[path]; !note.same(info) || note.Images["a"] != "sha256:aa" {
			t.Errorf("%s: noted is %+v", path, note)
		}
		if err := os.Remove(gone); err != nil && path == gone {
			t.Fatal(err)
		}
	}
	if _, found := c.readLoaded("node-1")[gone]; found {
		t.Error("an archive that is gone is still noted")
	}
	if err := os.WriteFile(archive, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	if c.readLoaded("node-1")[archive].same(info) {
		t.Error("a changed archive is taken for the old one")
	}
}
