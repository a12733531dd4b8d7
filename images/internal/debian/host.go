// Package debian assembles root file systems from Debian's packages with mmdebstrap. It needs root, because files of
// several users are made and the packages' own scripts are run in the new root.
package debian

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Ready says whether this machine can assemble, and if not, what to do.
func Ready() error {
	if os.Geteuid() != 0 {
		return errors.New("assembling images from Debian's packages needs root: run this command as root")
	}
	var missing []string
	for program, pkg := range map[string]string{"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "apt-config": "apt"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("assembling images needs packages that are not installed: apt-get install %s", strings.Join(missing, " "))
	}
	return nil
}

// hostOptions are settings of this machine's apt that say how to reach archives and how strictly to take their dates.
// They are used while assembling and do not end in an image.
var hostOptions = []string{
	"Acquire::Check-Valid-Until", "Acquire::Check-Date", "Acquire::Retries", "Acquire::http::Proxy", "Acquire::https::Proxy",
}

// aptOptions returns the machine's settings as lines of apt.conf.
func aptOptions() ([]string, error) {
	output, err := exec.Command("apt-config", append([]string{"dump", "--format", "%f %v%n"}, hostOptions...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("read this machine's apt settings: %w", err)
	}
	return parseOptions(string(output)), nil
}

// parseOptions keeps the settings that have a value.
func parseOptions(dump string) []string {
	var options []string
	for line := range strings.Lines(dump) {
		name, value, found := strings.Cut(strings.TrimSpace(line), " ")
		if found && value != "" {
			options = append(options, fmt.Sprintf("%s %q;", name, value))
		}
	}
	return options
}
