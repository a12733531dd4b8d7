package pgpool

import (
	corev1 "k8s.io/api/core/v1"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// CAFile is the name, among the certificates, of those that Pgpool checks others with: clients as well as servers.
const CAFile = naming.PgpoolCA

// TLS is what pgpool.conf and pool_hba.conf depend on.
type TLS struct {
	// Serve tells that clients are offered TLS with a certificate of ours.
	Serve bool
	// Verify tells that the certificates of servers and of clients are checked. Pgpool has one list of authorities for
	// both (ssl_ca_cert).
	Verify bool
}

// tlsSettings are mandatory. TLS is always on: what it means towards the server is decided anew with each connection,
// from the file of the authorities and from what the server answers, so that a server may gain, change and lose TLS
// without a restart of Pgpool (init_ssl_ctx and pool_ssl_negotiate_clientserver of src/utils/pool_ssl.c; the same from
// 4.1 to 4.7). Towards clients Pgpool speaks TLS only with a certificate, and that is read when the process starts.
func tlsSettings(t TLS) *conf.Settings {
	list := []setting{{"ssl", "on"}}
	if t.Serve {
		list = append(list,
			setting{"ssl_cert", naming.PgpoolTLSDir + "/" + corev1.TLSCertKey},
			setting{"ssl_key", naming.PgpoolTLSDir + "/" + corev1.TLSPrivateKeyKey})
	}
	if t.Verify {
		list = append(list, setting{"ssl_ca_cert", naming.PgpoolTLSDir + "/" + CAFile})
	}
	return settings(list)
}

// tlsOf says what TLS means for a Pgpool in front of a server. The certificate of a server whose AppBinding brings no
// authorities is not checked, unless clients have to be.
func tlsOf(pool *kubedbv1alpha2.Pgpool, server backend.Server) TLS {
	return TLS{
		Serve:  pool.Spec.TLS != nil,
		Verify: server.Managed || len(server.CA) > 0 || pool.Spec.ClientAuthMode == sharedv1.ClientAuthModeCert,
	}
}
