package backend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/matriarchdb/matriarch/internal/database/probe"
	"github.com/matriarchdb/matriarch/internal/tls"
)

// verifierTimeout bounds the question for the verifiers: it is one row per user.
const verifierTimeout = 3 * time.Second

// insufficientPrivilege is the SQLSTATE of somebody who may not read pg_authid (PostgreSQL manual, appendix A).
const insufficientPrivilege = "42501"

// ErrNotAllowed is returned for a server whose administrator may not read pg_authid, as at many cloud providers.
var ErrNotAllowed = errors.New("the administrator may not read pg_authid")

// Verifiers asks the server itself for what it stores of the users' passwords: SCRAM verifiers, or md5 hashes. A user
// without a role that can log in, or without a password that is still valid, is left out: over a server connection that
// is open already PgBouncer would let him in, and PostgreSQL would not see that his time is over.
func Verifiers(ctx context.Context, server Server, users map[string]string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, verifierTimeout)
	defer cancel()
	conn, err := probe.Connect(ctx, probe.Target{
		Host: server.Host, Port: server.Port, User: server.Admin.Name, Password: server.Admin.Password,
		Database: "postgres", SSLMode: server.SSLMode, CA: server.CA, Client: tls.Pair{Cert: server.Certificate, Key: server.Key},
	})
	if err != nil {
		return nil, err
	}
	defer probe.Close(conn)
	rows, err := conn.Query(ctx, `SELECT rolname, rolpassword FROM pg_catalog.pg_authid
		WHERE rolcanlogin AND rolpassword IS NOT NULL AND coalesce(rolvaliduntil > now(), true) AND rolname = ANY ($1::text[])`, slices.Sorted(maps.Keys(users)))
	if err == nil {
		found := map[string]string{}
		var name, secret string
		_, err = pgx.ForEachRow(rows, []any{&name, &secret}, func() error {
			found[name] = secret
			return nil
		})
		if err == nil {
			return found, nil
		}
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == insufficientPrivilege {
		return nil, ErrNotAllowed
	}
	return nil, fmt.Errorf("ask %s:%d for the users' verifiers: %w", server.Host, server.Port, err)
}

// Fingerprint sums up verifiers, to notice that one has changed.
func Fingerprint(verifiers map[string]string) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(verifiers)) {
		fmt.Fprintf(sum, "%q=%q\n", name, verifiers[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}
