package host

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/local/internal/network"
)

func plan(t *testing.T) network.Plan {
	t.Helper()
	p, err := network.Parse("10.123.0.0/16", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const mountinfo = `25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 25 0:26 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids
31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 25 0:29 / /state/run rw - tmpfs tmpfs rw
34 25 0:30 / /state2 rw - tmpfs cgroup rw
31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
`

func TestHierarchiesOfBothVersionsAreFoundOnce(t *testing.T) {
	t.Parallel()
	list, err := hierarchies(strings.NewReader(mountinfo))
	want := []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/unified"}
	if err != nil || !slices.Equal(list, want) {
		t.Errorf("got %v, %v; want %v", list, err, want)
	}
}

func TestMountsBelowAFolderAreThoseInIt(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string][]string{"/state": {"/state/run"}, "/state/run": {"/state/run"}, "/other": nil} {
		if list, err := mountsBelow(strings.NewReader(mountinfo), dir); err != nil || !slices.Equal(list, want) {
			t.Errorf("%s: got %v, %v; want %v", dir, list, err, want)
		}
	}
}

func TestLinksAreKnownByTheirWholeName(t *testing.T) {
	t.Parallel()
	const links = "1: lo: <LOOPBACK,UP> mtu 65536\n5: node-1@if2: <UP> mtu 1500 link-netnsid 0\n6: node-12: <UP>\n"
	for name, want := range map[string]bool{"lo": true, "node-1": true, "node-12": true, "node": false, "if2": false, "": false} {
		if listsLink(links, name) != want {
			t.Errorf("%q: got %v", name, !want)
		}
	}
}

func TestARouteIsInTheWayOnlyIfItIsAsNarrow(t *testing.T) {
	t.Parallel()
	subnet := netip.MustParsePrefix("10.123.0.0/16")
	for route, taken := range map[string]bool{
		"default via 192.0.2.1 dev eth0":                           false,
		"10.0.0.0/8 via 192.0.2.1 dev vpn0":                        false,
		"192.0.2.0/24 dev eth0 proto kernel":                       false,
		"10.123.0.0/16 via 10.123.0.1 dev mtr-me src 10.123.0.254": false,
		"10.123.0.0/16 via 10.123.0.1 dev mtr-other":               true,
		"10.123.4.0/24 dev docker0 proto kernel":                   true,
		"10.123.4.5 dev tun0":                                      true,
		"blackhole 10.99.0.0/16":                                   false,
		"":                                                         false,
	} {
		if found := conflict(route+" \n", subnet, "mtr-me"); (found != "") != taken {
			t.Errorf("%q: in the way is %q", route, found)
		}
	}
}

func TestScriptsNameOnlyTheClustersOwn(t *testing.T) {
	t.Parallel()
	p := plan(t)
	for script, wants := range map[string][]string{
		machineScript(p):                {"address replace 10.123.0.254/32 dev mtr-0a1b2c3d", "route replace 10.123.0.0/16 via 10.123.0.1 dev mtr-0a1b2c3d"},
		routerScript(p):                 {"dev lo", "default via 10.123.0.254", "blackhole 10.123.0.0/16", "10.123.128.0/20 dev uplink"},
		nodeRouteScript(p, 2, "node-2"): {"10.123.0.12/32 dev node-2", "10.123.2.0/24 via 10.123.0.12 dev node-2"},
		nodeScript(p, 2):                {"10.123.0.12/32 dev eth0", "default via 10.123.0.1", "blackhole 10.123.2.0/24"},
		masqueradeScript(p):             {"table ip matriarch_local_0a1b2c3d", `ip saddr 10.123.0.0/16 oifname != "mtr-0a1b2c3d"`},
	} {
		for _, want := range wants {
			if !strings.Contains(script, want) {
				t.Errorf("no %q in:\n%s", want, script)
			}
		}
		if strings.Contains(script, "%!") {
			t.Errorf("a value is missing in:\n%s", script)
		}
	}
}

func TestADirectionIsInOutOrBoth(t *testing.T) {
	t.Parallel()
	for direction, want := range map[string]int{In: 1, Out: 1, Both: 2} {
		if sets, err := setsOf(direction); err != nil || len(sets) != want {
			t.Errorf("%s: %v, %v", direction, sets, err)
		}
	}
	if _, err := setsOf("up"); err == nil || !strings.Contains(err.Error(), "want in") {
		t.Errorf("an unknown direction: %v", err)
	}
}

func TestMissingFoldersAreListedOutermostFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := []string{dir + "/a", dir + "/a/b"}
	if list := missing(dir + "/a/b"); !slices.Equal(list, want) {
		t.Errorf("got %v, want %v", list, want)
	}
	if list := missing(dir); list != nil {
		t.Errorf("a folder that is there: %v", list)
	}
}

func TestAMachineIsPutBackByTheLastClusterOnly(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	notes, point, used := root+"/notes", root+"/made/by/us", root+"/used"
	settings := Settings{Kernel: map[string]string{}}
	for _, path := range []string{point, used} {
		settings.Folders = append(settings.Folders, missing(path)...)
	}
	if err := settings.write(notes); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{point, used + "/by/others"} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := Restore(notes, func() (bool, error) { return true, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(point); err != nil {
		t.Error("a folder that another cluster needs is gone")
	}
	if err := Restore(notes, func() (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(root + "/*")
	if err != nil || !slices.Equal(left, []string{used}) {
		t.Errorf("left are %v, %v; want only what others use", left, err)
	}
}
