// Package hba builds, reads and writes the host-based access files:
// PostgreSQL's pg_hba.conf and Pgpool-II's pool_hba.conf. The first rule that
// matches a connection decides about it, so their order is their meaning.
package hba

import "strings"

// Dialect is the server whose file it is.
type Dialect int

const (
	// PostgreSQL is pg_hba.conf, as read by src/backend/libpq/hba.c.
	PostgreSQL Dialect = iota
	// Pgpool is pool_hba.conf, as read by src/auth/pool_hba.c.
	Pgpool
)

// Connection types, the first word of a rule.
const (
	Local        = "local"        // Unix socket
	Host         = "host"         // TCP, encrypted or not
	HostSSL      = "hostssl"      // TCP with TLS
	HostNoSSL    = "hostnossl"    // TCP without TLS
	HostGSSEnc   = "hostgssenc"   // TCP with GSSAPI encryption, PostgreSQL only
	HostNoGSSEnc = "hostnogssenc" // TCP without it, PostgreSQL only
)

// All is the keyword for every database, every user and every address. Other
// keywords: sameuser, samerole and replication for databases, samehost and
// samenet for addresses.
const All = "all"

// The usual methods, the last word before the options.
const (
	Trust  = "trust"
	Reject = "reject"
	MD5    = "md5"
	SCRAM  = "scram-sha-256"
	Cert   = "cert"
)

// Rule is one line of the file.
type Rule struct {
	// Type is one of the connection types above.
	Type string
	// Databases and Users are as they stand in the file: keywords such as
	// "all", "+group" for the members of a role, or names made with Literal.
	Databases []string
	Users     []string
	// Address is a network in CIDR notation, a host name (a leading dot: all
	// hosts of that domain), or a keyword; empty for Local.
	Address string
	// Method says how the client proves who it is.
	Method string
	// Options are `name=value` words of the method, such as clientcert=verify-full.
	Options []string
	// Line is where the rule stood in the text it was read from; 0 otherwise.
	Line int
}

// Literal returns the way to write a database's or user's own name so that it
// is never taken for a keyword, a group, a file name or a pattern.
func Literal(name string) string {
	switch name {
	case All, "sameuser", "samerole", "samegroup", "replication", "":
		return quote(name)
	}
	if strings.ContainsAny(name, " \t\r\n\v\f,#\"\\") || strings.ContainsAny(name[:1], "+@/") {
		return quote(name)
	}
	return name
}

func quote(word string) string { return `"` + strings.ReplaceAll(word, `"`, `""`) + `"` }
