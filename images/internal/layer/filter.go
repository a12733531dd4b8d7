// Package layer turns root file systems into image layers: it drops what does not belong into an image, makes the rest
// the same on every machine, and works out what one file system adds to another.
package layer

import (
	"path"
	"strings"
)

// emptied are folders whose content belongs to the machine or the moment, not to an image. Folders inside those of
// /var stay, because packages expect them.
var emptied = []string{"dev", "proc", "sys", "run", "tmp", "var/tmp", "var/cache", "var/log", "var/lib/apt", "var/backups"}

// unwanted are folders of documentation and of helpers for interactive shells. The folders themselves stay.
var unwanted = []string{
	"usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bash-completion", "usr/share/zsh",
}

// dropped are single files that the build leaves behind.
var dropped = map[string]bool{
	"etc/resolv.conf": true, "etc/hostname": true, "etc/apt/sources.list": true, "etc/.pwd.lock": true,
	"etc/apt/apt.conf.d/99mmdebstrap": true,
	"etc/passwd-":                     true, "etc/group-": true, "etc/shadow-": true, "etc/gshadow-": true, "etc/subuid-": true, "etc/subgid-": true,
	// apt makes these when it needs them, for a user that depends on where the root file system was assembled.
	"var/cache/apt/archives/partial": true, "var/lib/apt/lists/partial": true,
	"var/lib/dpkg/lock": true, "var/lib/dpkg/lock-frontend": true, "var/lib/dpkg/triggers/Lock": true,
}

// kept are exceptions: servers put their sockets there and cannot make the folder themselves.
var kept = map[string]bool{"run/postgresql": true, "run/lock": true}

// Keep says whether a path, without a leading slash, belongs into a layer.
func Keep(name string, isDir bool) bool {
	if kept[name] {
		return true
	}
	if dropped[name] || (path.Dir(name) == "var/lib/dpkg" && strings.HasSuffix(name, "-old")) {
		return false
	}
	for _, dir := range emptied {
		if strings.HasPrefix(name, dir+"/") {
			return isDir && strings.HasPrefix(dir, "var/")
		}
	}
	for _, dir := range unwanted {
		if strings.HasPrefix(name, dir+"/") {
			return false
		}
	}
	return true
}
