package recipe

import (
	"fmt"
	"strings"
)

// Registry is the name that local images carry in place of a registry's. Nothing serves it: an image of that name is
// loaded, never pulled.
const Registry = "matriarch.local"

// Recipe is one server image.
type Recipe struct {
	// Name is the image's, such as postgres.
	Name string
	// Version is the server's own version, which is also the tag.
	Version string
	// Suite is the codename of the Debian release.
	Suite string
	// Packages are arguments of apt-get install, with the version pinned where it matters.
	Packages []string
	// User runs the server. Its numbers are those that Debian's package would have given it.
	User User
	// Bin are folders of programs beside the usual ones, first in PATH.
	Bin []string
	// Entrypoint is the plain server; Matriarch brings its own command.
	Entrypoint []string
	// StopSignal asks the server for a fast, clean stop.
	StopSignal string
	// Locale adds en_US.UTF-8 to C.UTF-8.
	Locale bool
	// Writable are the folders that the server writes to besides its data folder, which the user owns.
	Writable []string
	// Own are further lines of shell that complete the root file system after the packages are installed.
	Own []string `json:",omitempty"`
}

// User is an account inside an image.
type User struct {
	Name string
	UID  int
	GID  int
	Home string
}

// Ref is the image's full name.
func (r Recipe) Ref() string { return fmt.Sprintf("%s/%s:%s", Registry, r.Name, r.Version) }

// ID is the short name that commands and files use.
func (r Recipe) ID() string { return r.Name + ":" + r.Version }

// Numeric is the user as an image's configuration names it: by number, so that a kubelet can see that it is not root.
func (u User) Numeric() string { return fmt.Sprintf("%d:%d", u.UID, u.GID) }

// Path is the value of PATH.
func (r Recipe) Path() string {
	usual := []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	return strings.Join(append(append([]string{}, r.Bin...), usual...), ":")
}
