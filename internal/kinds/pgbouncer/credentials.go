package pgbouncer

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/matriarchdb/matriarch/internal/naming"
)

// UserlistFile is the file of the credentials Secret.
const UserlistFile = naming.PgBouncerUsers

// scramIterations is PostgreSQL's own default (scram_iterations, PostgreSQL 16 manual).
const scramIterations = 4096

// userSecrets are secrets of users by name: a SCRAM verifier, an md5 hash, or a password.
type userSecrets map[string]string

// userlist renders the auth_file (pgbouncer(5), "Authentication file format").
func userlist(users userSecrets) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(users)) {
		fmt.Fprintf(&text, "%s %s\n", quote(name), quote(users[name]))
	}
	return text.String()
}

// The longest name and secret that every supported version reads (MAX_USERNAME and MAX_PASSWORD of include/bouncer.h).
// PgBouncer reads no further at a longer one.
const (
	maxName   = 63
	maxSecret = 159
)

// admittable says what the userlist has no way to express.
func admittable(name, secret string) error {
	switch {
	case name == "" || secret == "":
		return fmt.Errorf("user %q: user name or secret is empty", name)
	case strings.ContainsAny(name+secret, "\r\n\x00"):
		return fmt.Errorf("user %q: PgBouncer cannot express a line break or a zero byte in a user name or a password", name)
	case len(name) > maxName || len(secret) > maxSecret:
		return fmt.Errorf("user %q: PgBouncer reads no name of more than %d bytes and no password of more than %d", name, maxName, maxSecret)
	}
	return nil
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// parseUserlist reads what userlist wrote; a line of another form says nothing.
func parseUserlist(text string) userSecrets {
	users := userSecrets{}
	for line := range strings.Lines(text) {
		name, rest, ok := unquote(strings.TrimSuffix(line, "\n"))
		if !ok {
			continue
		}
		if secret, end, ok := unquote(strings.TrimPrefix(rest, " ")); ok && end == "" {
			users[name] = secret
		}
	}
	return users
}

// unquote reads one quoted word from the front of a line.
func unquote(line string) (word, rest string, ok bool) {
	line, ok = strings.CutPrefix(line, `"`)
	for ok {
		var part string
		part, line, ok = strings.Cut(line, `"`)
		word += part
		if !ok || !strings.HasPrefix(line, `"`) {
			return word, line, ok
		}
		word, line = word+`"`, line[1:]
	}
	return "", "", false
}

// verifier makes a SCRAM verifier in PostgreSQL's notation for a user that exists in the pooler only, such as the
// administrator of the console. The salt comes from who the user is, not from chance, so that the same password gives
// the same file and nothing is written, reloaded or noticed. The password is no part of it: a salt is public, and a
// quick hash of the password in it would save an attacker the iterations.
func verifier(uid, user, password string) (string, error) {
	// A password that SASLprep refuses is used as it is, by clients (libpq) as well as here.
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		client, err = scram.SHA256.NewClientUnprepped("", password, "")
	}
	if err != nil {
		return "", fmt.Errorf("derive the SCRAM verifier of user %q: %w", user, err)
	}
	seed := sha256.Sum256([]byte(uid + "\x00" + user))
	salt := seed[:16]
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: scramIterations})
	if err != nil {
		return "", fmt.Errorf("derive the SCRAM verifier of user %q: %w", user, err)
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, b64(salt), b64(stored.StoredKey), b64(stored.ServerKey)), nil
}
