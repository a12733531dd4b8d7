package pooler

import (
	"cmp"
	"context"
	"crypto/x509"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/certs"
	"github.com/matriarchdb/matriarch/internal/database/probe"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/issue"
)

// certificates are what a pooler's certificates depend on.
func (f Facts) certificates() certs.Input {
	db, ns := f.Subject.Name(), f.Subject.Namespace()
	governing := naming.GoverningService(db)
	names := certs.ServiceNames(ns, db, governing, "*."+governing) // pods come and go
	return certs.Input{
		Subject: f.Subject, Config: f.Wishes.TLS, Reports: f.Live.Reports, Port: f.Wishes.Port,
		Requests: []issue.Request{
			{
				Pair: tls.Server, Alias: sharedv1.CertificateAliasServer, CommonName: db, Usage: x509.ExtKeyUsageServerAuth,
				DNSNames: append(names, "localhost"), IPAddresses: []string{"127.0.0.1"},
			},
			{
				Pair: tls.Client, Alias: sharedv1.CertificateAliasClient, Usage: x509.ExtKeyUsageClientAuth,
				CommonName: cmp.Or(f.Wishes.ClientName, f.Server.Admin.Name),
			},
			{
				Pair: tls.Exporter, Alias: sharedv1.CertificateAliasMetricsExporter, CommonName: db, Usage: x509.ExtKeyUsageServerAuth,
				DNSNames: certs.ServiceNames(ns, naming.StatsService(db)),
			},
		},
	}
}

// bind tells clients how to verify the pooler, once there is something to verify.
func (f Facts) bind(b *blocks.Binding, certificates *database.TLS) {
	if certificates == nil || certificates.Published == nil {
		return
	}
	b.CABundle = certificates.Published.Data[naming.TLSCA]
	b.ClientCert = naming.CertSecret(f.Subject.Name(), sharedv1.CertificateAliasClient)
	for _, wish := range f.Wishes.TLS.Certificates {
		if wish.Alias == sharedv1.CertificateAliasClient && wish.SecretName != "" {
			b.ClientCert = wish.SecretName
		}
	}
}

// Probe logs in through the Service as the server's administrator, over TLS in the way that clients are told to, and with
// the client certificate if it is asked for. The write check writes to the given table.
func (f Facts) Probe(ctx context.Context, db, table string) database.Health {
	target := probe.Target{
		Host: f.Subject.Name() + "." + f.Subject.Namespace() + ".svc", Port: f.Wishes.Port,
		User: f.Server.Admin.Name, Password: f.Server.Admin.Password, Database: db,
		Timeout: f.Spec.Health.Timeout, Table: table,
	}
	if published := f.Certificates.Published(); f.Wishes.TLS != nil && !published.Empty() {
		target.SSLMode, target.CA, target.Client = string(f.Wishes.SSLMode), published.CA, published.Pairs[tls.Client]
		if !f.served() {
			target.SSLMode = string(sharedv1.SSLModePrefer) // of pods that wait for a restart a client can ask no more
		}
	}
	if f.Spec.Health.DisableWriteCheck {
		target.Table = ""
	}
	return probe.Check(ctx, target)
}

// served tells whether every pod offers TLS.
func (f Facts) served() bool {
	for _, said := range f.Live.Reports {
		if said.Serving == nil {
			return false
		}
	}
	return true
}
