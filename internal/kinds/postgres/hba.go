package postgres

import (
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/hba"
)

// scramSince is the major version from which on clients log in with SCRAM unless the spec says otherwise. Before, the
// method md5 is the default, which accepts SCRAM as well: which one happens depends on how the password is stored.
const scramSince = 18

// clientAuth returns the authentication method of pg_hba.conf.
func clientAuth(pg *kubedbv1.Postgres, major int) string {
	switch {
	case pg.Spec.ClientAuthMode == sharedv1.ClientAuthModeScram,
		pg.Spec.ClientAuthMode == "" && major >= scramSince:
		return hba.SCRAM
	}
	return hba.MD5
}

// renderHBA renders pg_hba.conf. Whoever is in the pod may be anyone: the agent and the exporter come that way, and
// nobody else shares the socket. Everybody else has to prove who he is. Replication is for the administrator, whose
// name the agents use.
func renderHBA(method, admin string) (string, error) {
	return hba.Print(hba.PostgreSQL, []hba.Rule{
		{Type: hba.Local, Databases: []string{hba.All}, Users: []string{hba.All}, Method: hba.Trust},
		{Type: hba.Local, Databases: []string{"replication"}, Users: []string{hba.All}, Method: hba.Trust},
		{Type: hba.Host, Databases: []string{"replication"}, Users: []string{hba.Literal(admin)}, Address: "all", Method: method},
		{Type: hba.Host, Databases: []string{hba.All}, Users: []string{hba.All}, Address: "all", Method: method},
	})
}
