package layout

import (
	"strings"
	"testing"
)

func TestUnusableStateFoldersAreRefused(t *testing.T) {
	t.Parallel()
	for dir, word := range map[string]string{
		"":                               "absolute",
		"state":                          "absolute",
		"/":                              "of its own",
		"/x/..":                          "of its own",
		"/" + strings.Repeat("long", 20): "at most",
	} {
		if _, err := Parse(dir); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("state folder %q: got %v, want an error with %q", dir, err, word)
		}
	}
}

func TestEveryFileLiesInTheStateFolder(t *testing.T) {
	t.Parallel()
	state, err := Parse("/state/")
	if err != nil {
		t.Fatal(err)
	}
	node := state.Node("node-1")
	paths := []string{
		state.Cluster(), state.PKI(), state.Etcd(), state.Config("x"), state.Kubeconfig("x"), state.AdminKubeconfig(),
		state.Log("x"), state.Logs(), state.Audit(), state.Run(), state.Records(), state.Supervisor(), state.Lock(),
		state.Volumes(), state.CSI(), string(node), state.Nodes(), node.Containerd(), node.CNI(), node.VolumeDriver(),
	}
	for _, bind := range node.Binds() {
		paths = append(paths, bind.Source)
	}
	for _, path := range append(paths, node.Volatile()...) {
		if !strings.HasPrefix(path, "/state/") {
			t.Errorf("%s lies outside the state folder", path)
		}
	}
}

func TestSocketsHaveNamesTheKernelTakes(t *testing.T) {
	t.Parallel()
	state, err := Parse("/" + strings.Repeat("x", maxStateLength-1))
	if err != nil {
		t.Fatal(err)
	}
	for _, socket := range []string{state.Supervisor(), state.CSI(), state.Node("node-100").Containerd()} {
		if len(socket) > 107 {
			t.Errorf("%s has %d characters, the kernel allows 107", socket, len(socket))
		}
	}
}

func TestTwoFoldersHaveTwoIDs(t *testing.T) {
	t.Parallel()
	if a, b := State("/a").ID(), State("/b").ID(); a == b || len(a) != 8 {
		t.Errorf("the IDs are %s and %s", a, b)
	}
}
