//go:build local

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/local/internal/layout"
)

// leavings is everything on the machine that a cluster could leave behind, one
// line each. What comes and goes by itself (counters, ages) is left out.
func leavings(t *testing.T) []string {
	t.Helper()
	var list []string
	add := func(kind, text string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, kind+": "+line)
			}
		}
	}
	add("mount", firstFields(read(t, "/proc/self/mountinfo"), 4, 5))
	add("link", firstFields(output(t, "ip", "-o", "link"), 1, 2))
	add("address", firstFields(output(t, "ip", "-o", "address"), 1, 2, 3))
	add("route", output(t, "ip", "-4", "route", "show", "table", "all"))
	add("rule", output(t, "ip", "rule"))
	add("nft", output(t, "nft", "list", "tables"))
	add("netns", output(t, "ip", "netns"))
	for line := range strings.Lines(output(t, "losetup", "-a")) {
		if strings.Contains(line, state) { // others' come and go
			add("loop", line)
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/matriarch*", "/sys/fs/cgroup/*/matriarch*", "/run/*", "/var/lib/*", "/var/log/*", "/etc/cni/*", "/opt/*", "/tmp/containerd*", "/var/log/pods/*", "/var/lib/cni/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		add("file", strings.Join(paths, "\n"))
	}
	for _, setting := range []string{"net/ipv4/ip_forward", "fs/inotify/max_user_instances", "fs/inotify/max_user_watches",
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"} {
		add("setting", setting+"="+read(t, "/proc/sys/"+setting))
	}
	slices.Sort(list)
	return slices.DeleteFunc(list, othersOwn)
}

var own = regexp.MustCompile(`(?:mtr-|matriarch_local_|matriarch-local-)([0-9a-f_-]+)`)

// othersOwn says whether a line is about another cluster of this kind, which may
// come and go during the test.
func othersOwn(line string) bool {
	if line == "file: "+layout.MachineChanges {
		others, err := filepath.Glob("/sys/fs/cgroup/*/matriarch-local-*")
		return err == nil && len(others) > 0
	}
	match := own.FindStringSubmatch(line)
	return match != nil && match[1] != layout.State(state).ID()
}

// processes lists the processes whose command line or working files name a folder.
func processes(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(data), folder) {
			list = append(list, strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
	return list
}

// firstFields keeps some fields of each line, counted from 0.
func firstFields(text string, keep ...int) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		for _, i := range keep {
			if i < len(fields) {
				kept.WriteString(fields[i] + " ")
			}
		}
		kept.WriteString("\n")
	}
	return kept.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func output(t *testing.T, argv ...string) string {
	t.Helper()
	data, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, data)
	}
	return string(data)
}

// without is what a list has and another has not.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(each string) bool { return slices.Contains(other, each) })
}
