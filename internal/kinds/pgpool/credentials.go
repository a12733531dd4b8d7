package pgpool

import (
	"crypto/md5" // pcp.conf knows nothing better
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Files of the credentials Secret.
const (
	PCPFile        = naming.PgpoolPCP
	PoolPasswdFile = naming.PgpoolPasswords
)

// maxPassword is the longest password that Pgpool compares as a whole: its buffer of 128 bytes holds the prefix TEXT
// too (MAX_PGPASS_LEN of src/include/auth/pool_passwd.h). It logs nobody in with a longer one.
const maxPassword = 124

// credentialFiles renders pcp.conf for the pooler's administrator, and pool_passwd for everyone who logs in through the
// pooler. A user whose name or password pool_passwd cannot express is left out, so that one labelled Secret with an odd
// password keeps nobody else from logging in; only for the server's own administrator it is an error.
//
// pool_passwd holds TEXT entries: Pgpool has to prove itself to PostgreSQL as the user, so it needs a password that it
// can recover, and with AES the key would lie beside it (Pgpool-II manual, "Client authentication").
func credentialFiles(admin, server backend.User, users map[string]string) (map[string][]byte, error) {
	if admin.Name == "" || strings.ContainsAny(admin.Name, ":\r\n") || strings.HasPrefix(admin.Name, "#") {
		return nil, fmt.Errorf("write %s: a user name must not be empty, begin with # or hold a colon or a line break, as %q does", PCPFile, admin.Name)
	}
	if err := expressible(server.Name, server.Password); err != nil {
		return nil, fmt.Errorf("write %s: %w", PoolPasswdFile, err)
	}
	var passwd strings.Builder
	for _, user := range slices.Sorted(maps.Keys(users)) {
		if expressible(user, users[user]) == nil {
			fmt.Fprintf(&passwd, "%s:TEXT%s\n", escape(user), escape(users[user]))
		}
	}
	hash := md5.Sum([]byte(admin.Password))
	return map[string][]byte{
		PCPFile:        []byte(admin.Name + ":" + hex.EncodeToString(hash[:]) + "\n"),
		PoolPasswdFile: []byte(passwd.String()),
	}, nil
}

// escape writes a word of pool_passwd, where a backslash keeps the next character from its meaning (getNextToken of
// src/auth/pool_passwd.c).
func escape(word string) string { return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(word) }

// expressible says what pool_passwd has no way to express.
func expressible(user, password string) error {
	switch {
	case user == "" || password == "":
		return fmt.Errorf("user %q: user name or password is empty", user)
	case strings.ContainsAny(user+password, "\n\x00"):
		return fmt.Errorf("user %q: Pgpool cannot express a line feed or a zero byte in a user name or password", user)
	case len(password) > maxPassword:
		return fmt.Errorf("user %q: the password is longer than the %d bytes that Pgpool can take", user, maxPassword)
	}
	return nil
}
