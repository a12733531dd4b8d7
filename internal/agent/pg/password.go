package pg

import (
	"context"
	"crypto/md5" // what PostgreSQL stores under password_encryption = md5
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

// EnsurePassword makes the administrator's password the Secret's. It writes only when the password really differs, so
// that the stored verifier, which poolers may hold a copy of, keeps its salt.
func (s *Server) EnsurePassword(ctx context.Context, admin Admin) error {
	stored, err := s.askOne(ctx, "SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = $1", admin.User)
	if err != nil {
		return fmt.Errorf("read the password of role %q, which the auth Secret names: %w", admin.User, err)
	}
	if Matches(stored, admin) {
		return nil
	}
	verifier, err := Verifier(admin)
	if err != nil {
		return err
	}
	// A verifier instead of the password: the statement may end up in a log.
	_, err = s.Ask(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD %s", quoteIdentifier(admin.User), quoteLiteral(verifier)))
	if err != nil {
		return fmt.Errorf("set the password of role %q: %w", admin.User, err)
	}
	return nil
}

const (
	scramPrefix     = "SCRAM-SHA-256$"
	scramIterations = 4096 // SCRAM_DEFAULT_ITERATIONS
	saltLength      = 16   // SCRAM_DEFAULT_SALT_LEN
)

// Matches tells whether a stored verifier is that of the password.
func Matches(stored string, admin Admin) bool {
	if strings.HasPrefix(stored, "md5") {
		sum := md5.Sum([]byte(admin.Password + admin.User))
		return stored == "md5"+hex.EncodeToString(sum[:])
	}
	parameters, _, found := strings.Cut(strings.TrimPrefix(stored, scramPrefix), "$")
	count, salt, found2 := strings.Cut(parameters, ":")
	iterations, err := strconv.Atoi(count)
	if !found || !found2 || err != nil || iterations < 1 {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		return false
	}
	again, err := verifier(admin, raw, iterations)
	return err == nil && again == stored
}

// Verifier makes a new SCRAM-SHA-256 verifier, as PostgreSQL stores it.
func Verifier(admin Admin) (string, error) {
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails
	return verifier(admin, salt, scramIterations)
}

func verifier(admin Admin, salt []byte, iterations int) (string, error) {
	client, err := scram.SHA256.NewClient(admin.User, admin.Password, "")
	if err != nil { // not to be normalised: PostgreSQL then takes the bytes as they are
		if client, err = scram.SHA256.NewClientUnprepped(admin.User, admin.Password, ""); err != nil {
			return "", fmt.Errorf("compute a password verifier: %w", err)
		}
	}
	client.WithMinIterations(1) // what is stored may be weaker than what is offered
	credentials, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return "", fmt.Errorf("compute a password verifier: %w", err)
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, iterations, encode(salt), encode(credentials.StoredKey), encode(credentials.ServerKey)), nil
}

func quoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteLiteral(value string) string { return `'` + strings.ReplaceAll(value, `'`, `''`) + `'` }
