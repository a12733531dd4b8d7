package postgres

import (
	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// services adds the Service of the primary, which is the clients', and that of the standbys where there can be any.
// Both follow the role labels that the agents keep on their pods.
func (g gathered) services(d *database.Desired) {
	d.Services = append(d.Services, g.service(g.pg.Name, sharedv1.ServiceAliasPrimary, naming.PrimaryServicePort, g.clientsRole()))
	standby := naming.StandbyService(g.pg.Name)
	if g.spec.Replicas <= 1 {
		d.Absent = append(d.Absent, &corev1.Service{ObjectMeta: g.subject.Ref(standby)})
		return
	}
	d.Services = append(d.Services, g.service(standby, sharedv1.ServiceAliasStandby, naming.StandbyServicePort, naming.RoleStandby))
}

func (g gathered) service(name string, alias sharedv1.ServiceAlias, port, role string) *corev1.Service {
	return blocks.Service{
		Subject: g.subject, Name: name, Alias: alias, Templates: g.pg.Spec.ServiceTemplates,
		Ports:    []corev1.ServicePort{blocks.Port(port, naming.PostgresPort, naming.DatabasePortName)},
		Selector: map[string]string{naming.LabelPostgresCluster: g.pg.Name, naming.LabelRole: role},
	}.Build()
}

func dbPort() corev1.ServicePort {
	return blocks.Port(naming.DatabasePortName, naming.PostgresPort, naming.DatabasePortName)
}
