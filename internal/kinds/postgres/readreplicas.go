package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// groupsOf are the PetSets of the read replicas.
func groupsOf(pg *kubedbv1.Postgres) []database.Group {
	var groups []database.Group
	for _, r := range pg.Spec.ReadReplicas {
		groups = append(groups, database.Group{PetSet: naming.ReadReplicas(pg.Name, r.Name), Replicas: ptr.Deref(r.Replicas, 1)})
	}
	return groups
}

// liveGroups are the groups of read replicas of which something exists, found by their labels: a group that vanished from
// the spec is remembered nowhere else. A group's PetSet is nil if only its Service is there.
type liveGroups map[string]*petsetv1.PetSet

func lookForGroups(ctx context.Context, r database.Reader, s blocks.Subject) (liveGroups, error) {
	groups := liveGroups{}
	within := []client.ListOption{client.InNamespace(s.Namespace()), client.MatchingLabels(s.Selector())}
	var services corev1.ServiceList
	var sets petsetv1.PetSetList
	for _, list := range []client.ObjectList{&services, &sets} {
		if err := r.List(ctx, list, within...); err != nil {
			return nil, fmt.Errorf("list the %T of Postgres %s/%s: %w", list, s.Namespace(), s.Name(), err)
		}
	}
	for i := range services.Items {
		if group := services.Items[i].Labels[naming.LabelReadReplica]; group != "" {
			groups[group] = nil
		}
	}
	for i := range sets.Items {
		if group := sets.Items[i].Labels[naming.LabelReadReplica]; group != "" {
			groups[group] = &sets.Items[i]
		}
	}
	return groups, nil
}

// readReplicas adds PetSet and Service of each group and the Service of all, and removes groups that are gone from the spec.
// Their claims go with the PetSets: a read replica holds nothing that the primary has not.
func (g gathered) readReplicas(d *database.Desired, agentImage string, exporter blocks.Exporter) error {
	all := naming.ReadReplicaService(g.pg.Name)
	gone := maps.Clone(g.groups)
	for _, r := range g.pg.Spec.ReadReplicas {
		delete(gone, r.Name)
		m, err := g.readReplica(r)
		if err != nil {
			return err
		}
		set, err := g.set(m, agentImage, exporter)
		if err != nil {
			return err
		}
		set.Labels[naming.LabelReadReplica] = r.Name
		d.PetSets = append(d.PetSets, set)
		d.Services = append(d.Services, g.groupService(r))
	}
	if len(d.PetSets) == 0 {
		d.Absent = append(d.Absent, &corev1.Service{ObjectMeta: g.subject.Ref(all)})
	} else {
		d.Services = append(d.Services, g.replicaService(all, map[string]string{naming.LabelRole: naming.RoleReadReplica}).Build())
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		d.Absent = append(d.Absent,
			&corev1.Service{ObjectMeta: g.subject.Ref(naming.ReadReplicaGroupService(g.pg.Name, name))},
			&petsetv1.PetSet{ObjectMeta: g.subject.Ref(naming.ReadReplicas(g.pg.Name, name))})
	}
	return nil
}

// readReplica is what the members of a group are made of: what the cluster's are made of, unless the group says otherwise.
func (g gathered) readReplica(r kubedbv1.ReadReplica) (members, error) {
	template := templateOf(g.pg.Spec.PodTemplate, r)
	own, err := g.ownSettings(template)
	if err != nil {
		return members{}, err
	}
	group := map[string]string{naming.LabelReadReplica: r.Name}
	storageType, storage := storageOf(g.pg, r)
	return members{
		petset: naming.ReadReplicas(g.pg.Name, r.Name), replicas: ptr.Deref(r.Replicas, 1), group: r.Name, template: template,
		storageType: storageType, storage: storage, selector: group,
		labels: map[string]string{naming.LabelReadReplica: r.Name, naming.LabelRole: naming.RoleReadReplica},
		env:    []corev1.EnvVar{{Name: naming.EnvReadReplica, Value: r.Name}, {Name: naming.EnvSettings, Value: own}},
		live:   g.groups[r.Name],
	}, nil
}

// templateOf lays what a group says about its pods over the pod template of the database.
func templateOf(template *sharedv1.PodTemplateSpec, r kubedbv1.ReadReplica) *sharedv1.PodTemplateSpec {
	out := &sharedv1.PodTemplateSpec{}
	if template != nil {
		out = template.DeepCopy()
	}
	if r.NodeSelector != nil {
		out.Spec.NodeSelector = r.NodeSelector
	}
	if r.Tolerations != nil {
		out.Spec.Tolerations = r.Tolerations
	}
	if r.PodPlacementPolicy != nil && r.PodPlacementPolicy.Name != "" {
		out.Spec.PodPlacementPolicy = r.PodPlacementPolicy
	}
	if len(r.Resources.Requests)+len(r.Resources.Limits) == 0 {
		return out
	}
	for i := range out.Spec.Containers {
		if out.Spec.Containers[i].Name == naming.ContainerPostgres {
			out.Spec.Containers[i].Resources = r.Resources
			return out
		}
	}
	out.Spec.Containers = append(out.Spec.Containers, corev1.Container{Name: naming.ContainerPostgres, Resources: r.Resources})
	return out
}

// storageOf is a group's storage, the database's where it says nothing.
func storageOf(pg *kubedbv1.Postgres, r kubedbv1.ReadReplica) (sharedv1.StorageType, *corev1.PersistentVolumeClaimSpec) {
	storageType, storage := r.StorageType, r.Storage
	if storageType == "" {
		storageType = pg.Spec.StorageType
	}
	if storage == nil {
		storage = pg.Spec.Storage
	}
	fillDefault(&storageType, sharedv1.StorageTypeDurable)
	return storageType, storage
}

// ownSettings are the lines of postgresql.conf in which a group differs from the cluster. Its members always answer
// queries, even where standbys do not, and shared_buffers, unless the user fixed them, fit into their memory.
func (g gathered) ownSettings(template *sharedv1.PodTemplateSpec) (string, error) {
	const buffers = "shared_buffers"
	in := g.configInput()
	cluster, err := Render(in)
	if err != nil {
		return "", err
	}
	in.Memory = asked(resourcesOf(template), corev1.ResourceMemory).Value()
	group, err := Render(in)
	if err != nil {
		return "", err
	}
	own := settings([]setting{{"hot_standby", "on"}})
	theirs, _ := cluster.Effective.Settings().Get(buffers)
	if ours, found := group.Effective.Settings().Get(buffers); found && ours != theirs {
		own.Set(buffers, ours)
	}
	return pgconf.Print(pgconf.PostgreSQL, own)
}

// serviceAlias finds a group's own template in blocks.Service.
const serviceAlias = sharedv1.ServiceAlias(naming.RoleReadReplica)

func (g gathered) groupService(r kubedbv1.ReadReplica) *corev1.Service {
	s := g.replicaService(naming.ReadReplicaGroupService(g.pg.Name, r.Name), map[string]string{
		naming.LabelRole: naming.RoleReadReplica, naming.LabelReadReplica: r.Name,
	})
	s.ExtraLabels = map[string]string{naming.LabelReadReplica: r.Name}
	if r.ServiceTemplate != nil {
		s.Alias = serviceAlias
		s.Templates = []sharedv1.NamedServiceTemplateSpec{{Alias: serviceAlias, ServiceTemplateSpec: *r.ServiceTemplate}}
	}
	return s.Build()
}

func (g gathered) replicaService(name string, selector map[string]string) blocks.Service {
	return blocks.Service{
		Subject: g.subject, Name: name, Selector: selector,
		Ports: []corev1.ServicePort{blocks.Port(naming.ReplicaServicePort, naming.PostgresPort, naming.DatabasePortName)},
	}
}
