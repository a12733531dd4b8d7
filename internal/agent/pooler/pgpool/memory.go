package pgpool

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// removeOrphanedMemory removes the shared memory that killed pgpools left. The kernel keeps a System V segment until
// somebody removes it or the pod goes, and counts it as the pod's memory: 20 to 140 MB for each pgpool that did not
// end by itself.
func removeOrphanedMemory() {
	file, err := os.Open("/proc/sysvipc/shm")
	if errors.Is(err, fs.ErrNotExist) {
		return // a kernel without System V shared memory
	}
	if err != nil {
		slog.Warn("cannot see whether a killed pgpool left shared memory", "error", err)
		return
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		segment, found := parseSegment(lines.Text())
		if !found || segment.uid != os.Geteuid() || segment.attached > 0 || alive(segment.creator) {
			continue
		}
		if _, err := unix.SysvShmCtl(segment.id, unix.IPC_RMID, nil); err != nil {
			slog.Warn("cannot remove the shared memory that a killed pgpool left", "segment", segment.id, "error", err)
		}
	}
}

// segment is a line of /proc/sysvipc/shm (proc_sysvipc(5)).
type segment struct {
	id, creator, attached, uid int
}

// parseSegment reads: key shmid perms size cpid lpid nattch uid …
func parseSegment(line string) (segment, bool) {
	var s segment
	var skip string
	_, err := fmt.Sscan(strings.TrimSpace(line), &skip, &s.id, &skip, &skip, &s.creator, &skip, &s.attached, &s.uid)
	return s, err == nil
}

// alive tells whether a process is there. One of a former container of the pod has the number 0.
func alive(pid int) bool {
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
