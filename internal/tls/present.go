package tls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Presented is what a server shows in a handshake.
type Presented struct {
	Leaf *x509.Certificate
	// Version of the protocol, such as tls.VersionTLS13; 0 if the handshake went no further than the certificate.
	Version uint16
}

// Serial identifies a certificate within its issuer: the serial number in hexadecimal.
func Serial(cert *x509.Certificate) string { return cert.SerialNumber.Text(16) }

// LeafOf returns the certificate of a pair without its chain, nil if there is none.
func LeafOf(p Pair) *x509.Certificate {
	if chain := certificates(p.Cert); len(chain) > 0 {
		return chain[0]
	}
	return nil
}

// presentTimeout bounds a handshake with a server that does not answer.
const presentTimeout = 5 * time.Second

// ErrNoTLS means that the server speaks the PostgreSQL protocol but no TLS.
var ErrNoTLS = errors.New("the server does not speak TLS")

// sslRequest is the message by which a client asks for TLS: its length, then the request code
// (postgresql.org/docs/current/protocol-message-formats.html, SSLRequest).
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

// Present asks a server that speaks the PostgreSQL protocol (so do Pgpool and PgBouncer) for TLS and returns the
// certificate that it shows. It does not judge it. A server that goes on to demand a client certificate has shown its
// own by then.
func Present(ctx context.Context, address string) (Presented, error) {
	ctx, cancel := context.WithTimeout(ctx, presentTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return Presented{}, fmt.Errorf("ask %s for its certificate: %w", address, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return Presented{}, fmt.Errorf("ask %s for its certificate: %w", address, err)
	}
	shown, err := present(ctx, conn)
	if shown.Leaf == nil && err != nil {
		return Presented{}, fmt.Errorf("ask %s for its certificate: %w", address, err)
	}
	return shown, nil
}

func present(ctx context.Context, conn net.Conn) (Presented, error) {
	if _, err := conn.Write(sslRequest); err != nil {
		return Presented{}, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return Presented{}, err
	}
	if answer[0] != 'S' {
		return Presented{}, ErrNoTLS
	}
	var shown Presented
	client := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // the certificate is what is asked for; nothing confidential is said
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			var err error
			shown.Leaf, err = x509.ParseCertificate(raw[0])
			return err
		},
	})
	if err := client.HandshakeContext(ctx); err != nil {
		return shown, err
	}
	shown.Version = client.ConnectionState().Version
	return shown, nil
}
