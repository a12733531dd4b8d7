package pgbouncer

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Folders of the certificates, where KubeDB's guides look for them.
const (
	ServerTLSDir = naming.PgBouncerTLSDir + "/server"
	ClientTLSDir = naming.PgBouncerTLSDir + "/client"
)

// clientName is the common name of the client certificate, as KubeDB has it. PgBouncer does not compare it with the
// name of the user who logs in with a password.
const clientName = "pgbouncer"

// clientTLS are the settings for TLS between clients and PgBouncer: spec.sslMode in PgBouncer's own words, which are
// those of the API too. With verify-ca and verify-full PgBouncer asks every client for a certificate
// (pgbouncer.ini(5), client_tls_sslmode). Without certificates of ours the user's own settings count.
func clientTLS(on bool, mode sharedv1.SSLMode) []conf.Setting {
	if !on {
		return nil
	}
	return []conf.Setting{
		{Name: "client_tls_sslmode", Value: string(cmp.Or(mode, sharedv1.SSLModeVerifyFull))},
		{Name: "client_tls_ca_file", Value: ServerTLSDir + "/" + naming.TLSCA},
		{Name: "client_tls_cert_file", Value: ServerTLSDir + "/" + corev1.TLSCertKey},
		{Name: "client_tls_key_file", Value: ServerTLSDir + "/" + corev1.TLSPrivateKeyKey},
	}
}

// serverTLS are the settings for TLS between PgBouncer and the PostgreSQL behind it.
func serverTLS(up Upstream) []conf.Setting {
	var settings []conf.Setting
	if up.SSLMode != "" {
		settings = append(settings, conf.Setting{Name: "server_tls_sslmode", Value: up.SSLMode})
	}
	if up.CA {
		settings = append(settings, conf.Setting{Name: "server_tls_ca_file", Value: UserDir + "/" + naming.UpstreamCA})
	}
	if up.Certificate {
		settings = append(settings,
			conf.Setting{Name: "server_tls_cert_file", Value: UserDir + "/" + naming.UpstreamCert},
			conf.Setting{Name: "server_tls_key_file", Value: UserDir + "/" + naming.UpstreamKey})
	}
	return settings
}
