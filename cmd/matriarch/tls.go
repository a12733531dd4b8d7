package main

import (
	"crypto/tls"

	"github.com/matriarchdb/matriarch/internal/kube/certificate"
)

// lateTLS gives the webhook server its certificate. The server has to be made before the manager, the certificate's
// source after it, and the options are asked only when the server starts.
type lateTLS struct{ source *certificate.Source }

func (l *lateTLS) options() []func(*tls.Config) {
	return []func(*tls.Config){func(config *tls.Config) {
		if l.source != nil {
			l.source.TLS(config)
		}
	}}
}
