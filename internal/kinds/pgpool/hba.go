package pgpool

import (
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/hba"
)

// renderHBA renders pool_hba.conf: who may log in to the pooler, and how. Inside the pod's own socket folder the agent
// is trusted. Unlike KubeDB's file, TCP from the loopback address is not: kubectl port-forward arrives from there, and
// Pgpool logs in to PostgreSQL with the password that it knows. From require on, clients come in over TLS only; those
// that prove themselves by a certificate do so in every mode.
func renderHBA(mode sharedv1.ClientAuthMode, sslMode sharedv1.SSLMode) (string, error) {
	method := hbaMethod(mode)
	kind := hba.Host
	if method == hba.Cert || demandsTLS(sslMode) {
		kind = hba.HostSSL
	}
	rules := []hba.Rule{{Type: hba.Local, Databases: []string{hba.All}, Users: []string{hba.All}, Method: hba.Trust}}
	for _, address := range []string{"0.0.0.0/0", "::/0"} {
		rules = append(rules, hba.Rule{
			Type: kind, Databases: []string{hba.All}, Users: []string{hba.All}, Address: address, Method: method,
		})
	}
	return hba.Print(hba.Pgpool, rules)
}

// demandsTLS tells whether a mode of the API lets clients in over TLS only.
func demandsTLS(mode sharedv1.SSLMode) bool {
	switch mode {
	case sharedv1.SSLModeRequire, sharedv1.SSLModeVerifyCA, sharedv1.SSLModeVerifyFull:
		return true
	}
	return false
}

// hbaMethod is the pool_hba.conf method of a clientAuthMode; md5 is the default of the API.
func hbaMethod(mode sharedv1.ClientAuthMode) string {
	switch mode {
	case sharedv1.ClientAuthModeScram:
		return hba.SCRAM
	case sharedv1.ClientAuthModeCert:
		return hba.Cert
	default:
		return hba.MD5
	}
}
