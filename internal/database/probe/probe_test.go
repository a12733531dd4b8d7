package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// target is the superuser's way to the server.
func target(pg *testserver.Postgres) Target {
	return Target{
		Host: "127.0.0.1", Port: pg.Port, User: "postgres", Password: pg.Password, Database: "postgres",
		Timeout: 20 * time.Second, Table: `kubedb_write "check"`,
	}
}

func TestCheckReadsAndWrites(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	for range 2 { // the table is made the first time
		if health := Check(t.Context(), target(pg)); !health.Healthy() || health.Message != "" {
			t.Fatalf("got %+v", health)
		}
	}
	rows, err := pg.As("postgres", pg.Password).Ask(t.Context(), "postgres", `SELECT count(*)::text FROM "kubedb_write ""check"""`)
	if err != nil || rows != "1" {
		t.Errorf("the table has %s rows: %v", rows, err)
	}
}

func TestCheckTellsReadingFromWriting(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	pg.Exec(t, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
	readOnly := target(pg)
	awaitHealth(t, readOnly, func(accepting, writable bool, message string) bool {
		return accepting && !writable && strings.Contains(message, "write to 127.0.0.1:") && strings.Contains(message, "read-only")
	})
	readOnly.Table = ""
	if health := Check(t.Context(), readOnly); !health.Healthy() {
		t.Errorf("without a write check: got %+v", health)
	}
}

// awaitHealth asks until the answer is as wanted: a reload is seen by new sessions a moment later.
func awaitHealth(t *testing.T, at Target, wanted func(accepting, writable bool, message string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		health := Check(ctx, at)
		if wanted(health.Accepting, health.Writable, health.Message) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("got %+v", health)
		}
	}
}

func TestCheckSaysWhyNobodyGetsIn(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	wrong := target(pg)
	wrong.Password = "s3cret-and-wrong"
	nowhere := target(pg)
	nowhere.Port = testserver.Port(t)
	for want, at := range map[string]Target{"password authentication failed": wrong, "refused": nowhere} {
		health := Check(t.Context(), at)
		if health.Accepting || health.Writable || !strings.Contains(health.Message, want) || strings.Contains(health.Message, at.Password) {
			t.Errorf("got %+v, want it to say %q and no password", health, want)
		}
	}
}

func TestCheckGivesUpOnAServerThatHangs(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	at := Target{Host: "127.0.0.1", Port: int32(listener.Addr().(*net.TCPAddr).Port), User: "x", Database: "x", Timeout: 100 * time.Millisecond}
	if health := Check(t.Context(), at); health.Accepting || health.Message == "" {
		t.Errorf("got %+v", health)
	}
}

func TestTheServersCertificateIsCheckedWithTheGivenAuthority(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	own, key := certificate(t)
	stranger, _ := certificate(t)
	dir := testserver.Dir(t)
	testserver.Write(t, filepath.Join(dir, "crt"), string(own))
	testserver.Write(t, filepath.Join(dir, "key"), string(key))
	pg.Exec(t, "ALTER SYSTEM SET ssl_cert_file = '"+dir+"/crt'", "ALTER SYSTEM SET ssl_key_file = '"+dir+"/key'",
		"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
	at := target(pg)
	at.SSLMode, at.CA = "verify-full", own
	awaitHealth(t, at, func(accepting, _ bool, _ string) bool { return accepting })
	for want, ca := range map[string][]byte{"certificate": stranger, "holds no PEM certificate": []byte("rubbish")} {
		at.CA = ca
		if health := Check(t.Context(), at); health.Accepting || !strings.Contains(health.Message, want) {
			t.Errorf("got %+v, want it to say %q", health, want)
		}
	}
}

// certificate is one that has signed itself, for 127.0.0.1.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func TestATargetsURLHoldsWhateverIsInIt(t *testing.T) {
	t.Parallel()
	odd := Target{Host: "2001:db8::1", Port: 5432, User: "a@b:c", Password: "p/w?#%", Database: "d b/c"}
	want := "postgres://a%40b%3Ac:p%2Fw%3F%23%25@[2001:db8::1]:5432/d%20b/c?application_name=matriarch&sslmode=disable"
	if got := odd.url(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := odd.String(); got != "2001:db8::1:5432 as a@b:c" {
		t.Errorf("it is called %s", got)
	}
}
