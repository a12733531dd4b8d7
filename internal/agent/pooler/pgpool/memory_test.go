package pgpool

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSharedMemoryOfADeadCreatorIsRemovedAndThatOfALivingOneStays(t *testing.T) {
	own, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, unix.IPC_CREAT|0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.SysvShmCtl(own, unix.IPC_RMID, nil) }()
	// ipcmk makes a segment and ends.
	out, err := exec.Command("ipcmk", "--shmem", "4096").CombinedOutput()
	if err != nil {
		t.Fatalf("ipcmk: %v: %s", err, out)
	}
	var orphan int
	if _, err := fmt.Sscanf(string(out), "Shared memory id: %d", &orphan); err != nil {
		t.Fatalf("ipcmk says %q: %v", out, err)
	}
	if _, found := segments(t)[orphan]; !found {
		t.Fatal("the kernel does not show the segment")
	}
	removeOrphanedMemory()
	left := segments(t)
	if _, found := left[orphan]; found {
		t.Error("the segment of a dead process is left")
	}
	if _, found := left[own]; !found {
		t.Error("the segment of a living process is gone")
	}
}

func TestALineThatTellsOfNoSegmentIsPassedOver(t *testing.T) {
	t.Parallel()
	if s, found := parseSegment("       key      shmid perms                  size  cpid  lpid nattch   uid"); found {
		t.Errorf("the heading counts as segment %+v", s)
	}
	const line = "         0     622592   600             135014400  2545  2546      9   101   104   101   104 1795280598"
	want := segment{id: 622592, creator: 2545, attached: 9, uid: 101}
	if s, found := parseSegment(line); !found || s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}

// segments are those that the kernel shows now.
func segments(t *testing.T) map[int]segment {
	t.Helper()
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]segment{}
	for line := range strings.Lines(string(text)) {
		if s, ok := parseSegment(line); ok {
			found[s.id] = s
		}
	}
	return found
}
