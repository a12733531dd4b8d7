package postgres

import (
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/hba"
)

// scramSince is the major version from which on clients log in with SCRAM unless the spec says otherwise. Before, the
// method md5 is the default, which accepts SCRAM as well: which one happens depends on how the password is stored.
const scramSince = 18

const methodCert = hba.Cert

// clientAuth returns the authentication method of pg_hba.conf.
func clientAuth(pg *kubedbv1.Postgres, major int) string {
	switch {
	case pg.Spec.ClientAuthMode == sharedv1.ClientAuthModeCert:
		return methodCert
	case pg.Spec.ClientAuthMode == sharedv1.ClientAuthModeScram,
		pg.Spec.ClientAuthMode == "" && major >= scramSince:
		return hba.SCRAM
	}
	return hba.MD5
}

// doors are the types of TCP connections that are let in. What insists on TLS lets in nothing else, and neither does the
// method cert: without TLS there is no certificate.
func doors(mode sharedv1.SSLMode, method string) []string {
	switch {
	case !speaksTLS(mode):
		return []string{hba.Host}
	case method == methodCert, mode != sharedv1.SSLModeAllow && mode != sharedv1.SSLModePrefer:
		return []string{hba.HostSSL}
	}
	return []string{hba.HostSSL, hba.HostNoSSL}
}

// renderHBA renders pg_hba.conf. Whoever is in the pod may be anyone: the agent and the exporter come that way, and
// nobody else shares the socket. Everybody else has to prove who he is. Replication is for the administrator, whose
// name the agents use.
func renderHBA(in ConfigInput) (string, error) {
	rules := []hba.Rule{
		{Type: hba.Local, Databases: []string{hba.All}, Users: []string{hba.All}, Method: hba.Trust},
		{Type: hba.Local, Databases: []string{"replication"}, Users: []string{hba.All}, Method: hba.Trust},
	}
	for _, door := range doors(in.SSLMode, in.Method) {
		rules = append(rules,
			hba.Rule{Type: door, Databases: []string{"replication"}, Users: []string{hba.Literal(in.Admin)}, Address: "all", Method: in.Method},
			hba.Rule{Type: door, Databases: []string{hba.All}, Users: []string{hba.All}, Address: "all", Method: in.Method})
	}
	return hba.Print(hba.PostgreSQL, rules)
}
