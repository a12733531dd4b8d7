// Package netstat looks into the kernel's tables of TCP sockets of this network namespace, so that the agent sees who
// listens and who is connected without connecting itself, which servers would log.
package netstat

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// listening is the state LISTEN (include/net/tcp_states.h).
const listening = "0A"

// established is the state of a connection that both ends use.
const established = "01"

// connected are the states that mean: a client is or was here. The ones after a close are included so that a client
// that came and left between two looks is seen.
var connected = map[string]bool{
	"01": true, // ESTABLISHED
	"04": true, // FIN_WAIT1
	"05": true, // FIN_WAIT2
	"06": true, // TIME_WAIT
	"08": true, // CLOSE_WAIT
	"09": true, // LAST_ACK
	"0B": true, // CLOSING
}

// Clients lists the remote ends, as the kernel writes them, of TCP connections to a local port.
func Clients(port int) ([]string, error) {
	var clients []string
	err := each(port, func(state, remote string) {
		if connected[state] {
			clients = append(clients, remote)
		}
	})
	return clients, err
}

// Established lists the remote ends of those connections to a local port that are in use now.
func Established(port int) ([]string, error) {
	var clients []string
	err := each(port, func(state, remote string) {
		if state == established {
			clients = append(clients, remote)
		}
	})
	return clients, err
}

// Listening tells whether somebody listens on a local port.
func Listening(port int) (bool, error) {
	found := false
	err := each(port, func(state, _ string) { found = found || state == listening })
	return found, err
}

// each visits the sockets with a local port.
func each(port int, visit func(state, remote string)) error {
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		file, err := os.Open(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6
		}
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			// sl local_address rem_address st …
			fields := strings.Fields(lines.Text())
			if len(fields) < 4 {
				continue
			}
			_, local, _ := strings.Cut(fields[1], ":")
			if n, err := strconv.ParseUint(local, 16, 16); err == nil && int(n) == port {
				visit(fields[3], fields[2])
			}
		}
		file.Close()
		if err := lines.Err(); err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
	}
	return nil
}
