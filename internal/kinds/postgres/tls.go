package postgres

import (
	"crypto/x509"
	"path"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/database/certs"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/issue"
)

// Where the agent puts certificates.
var (
	serverCerts = path.Join(naming.CertsDir, "server")
	clientCerts = path.Join(naming.CertsDir, "client")
)

// certificates says what the certificates of a Postgres depend on.
func (g gathered) certificates() certs.Input {
	return certs.Input{
		Subject: g.subject, Config: g.pg.Spec.TLS, Requests: g.requests(), Reports: g.live.Reports,
		Port: naming.PostgresPort, Fronted: true,
	}
}

// requests are the certificates of a Postgres. The server's names every Service, and each pod by a wildcard, so that it
// stays the same when members come and go. The client's is the administrator's: agents and operator log in with it.
func (g gathered) requests() []issue.Request {
	db, ns := g.pg.Name, g.pg.Namespace
	names := certs.ServiceNames(ns, db, naming.StandbyService(db), naming.GoverningService(db), "*."+naming.GoverningService(db))
	return []issue.Request{
		{
			Pair: tls.Server, Alias: sharedv1.CertificateAliasServer, CommonName: db, Usage: x509.ExtKeyUsageServerAuth,
			DNSNames: append(names, "localhost"), IPAddresses: []string{"127.0.0.1"},
		},
		{Pair: tls.Client, Alias: sharedv1.CertificateAliasClient, CommonName: g.admin(), Usage: x509.ExtKeyUsageClientAuth},
		{
			Pair: tls.Exporter, Alias: sharedv1.CertificateAliasMetricsExporter, CommonName: db, Usage: x509.ExtKeyUsageServerAuth,
			DNSNames: certs.ServiceNames(ns, naming.StatsService(db)),
		},
	}
}

// speaksTLS tells whether the server speaks TLS.
func speaksTLS(mode sharedv1.SSLMode) bool { return mode != "" && mode != sharedv1.SSLModeDisable }

// tlsSettings are what the server needs to speak TLS. It checks certificates of clients that show one.
func tlsSettings(mode sharedv1.SSLMode) *conf.Settings {
	if !speaksTLS(mode) {
		return settings(nil)
	}
	return settings([]setting{
		{"ssl", "on"},
		{"ssl_cert_file", path.Join(serverCerts, naming.TLSServerCrt)},
		{"ssl_key_file", path.Join(serverCerts, naming.TLSServerKey)},
		{"ssl_ca_file", path.Join(serverCerts, naming.TLSCA)},
	})
}

// upstream renders how members reach the primary: as the spec tells clients to. They show their certificate whether it is
// asked for or not, because libpq would otherwise look for one in the home directory, which may not be readable. Without TLS they take it where it is, so
// that they lose nobody while it is being turned off.
func upstream(mode sharedv1.SSLMode) string {
	if !speaksTLS(mode) {
		return "sslmode=prefer\n"
	}
	return "sslmode=" + string(mode) + " sslrootcert=" + path.Join(clientCerts, naming.TLSCA) +
		" sslcert=" + path.Join(clientCerts, naming.TLSClientCrt) + " sslkey=" + path.Join(clientCerts, naming.TLSClientKey) + "\n"
}

// clientSecret is the Secret with the client certificate, as cert-manager writes it.
func clientSecret(pg *kubedbv1.Postgres) string {
	for _, wish := range pg.Spec.TLS.Certificates {
		if wish.Alias == sharedv1.CertificateAliasClient && wish.SecretName != "" {
			return wish.SecretName
		}
	}
	return naming.CertSecret(pg.Name, sharedv1.CertificateAliasClient)
}
