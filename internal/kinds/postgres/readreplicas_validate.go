package postgres

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// arbiterName is what KubeDB calls members without data; the PetSet X-arbiter is theirs.
const arbiterName = "arbiter"

func groupPath(i int) *field.Path { return field.NewPath("spec", "readReplicas").Index(i) }

// readReplicaProblems says what is wrong with the groups, as far as it can be seen in the spec alone.
func readReplicaProblems(pg *kubedbv1.Postgres) field.ErrorList {
	var problems field.ErrorList
	seen, services := map[string]bool{}, map[string]string{}
	for i, r := range pg.Spec.ReadReplicas {
		at, name := groupPath(i), groupPath(i).Child("name")
		n := ptr.Deref(r.Replicas, 1)
		service := naming.ReadReplicaGroupService(pg.Name, r.Name)
		last := fmt.Sprintf("%s-%d", naming.ReadReplicas(pg.Name, r.Name), max(n-1, 0))
		switch {
		case r.Name == "":
			problems = append(problems, field.Required(name, "a group of read replicas needs a name"))
		case r.Name == arbiterName:
			problems = append(problems, field.Invalid(name, r.Name, "the name is reserved"))
		case len(validation.IsDNS1123Label(r.Name)) > 0:
			problems = append(problems, field.Invalid(name, r.Name, "it becomes a part of the names of pods and Services: "+validation.IsDNS1123Label(r.Name)[0]))
		case seen[r.Name]:
			problems = append(problems, field.Duplicate(name, r.Name))
		case len(last) > naming.DNSLabelMax:
			problems = append(problems, field.Invalid(name, r.Name, fmt.Sprintf("pod %s would have %d characters, but a host name has %d at most", last, len(last), naming.DNSLabelMax)))
		case services[service] != "":
			problems = append(problems, field.Invalid(name, r.Name, fmt.Sprintf("Service %s would be that of group %s, too", service, services[service])))
		}
		if n < 1 {
			problems = append(problems, field.Invalid(at.Child("replicas"), n, "it must be at least 1; remove the group to have none"))
		}
		if storageType, storage := storageOf(pg, r); storageType == sharedv1.StorageTypeDurable && storage == nil {
			problems = append(problems, field.Required(at.Child("storage"), "storage is missing for durable storage type, and the database has none either"))
		}
		seen[r.Name], services[service] = true, r.Name
	}
	return problems
}

// takenNames finds objects of somebody else where those of the groups would be: Postgres a has the PetSet a-b for its
// group b, and so has Postgres a-b.
func takenNames(ctx context.Context, r database.Reader, s blocks.Subject, pg *kubedbv1.Postgres) (field.ErrorList, error) {
	var problems field.ErrorList
	for i, group := range pg.Spec.ReadReplicas {
		at := groupPath(i).Child("name")
		for _, needs := range []struct {
			kind, name string
			into       client.Object
		}{
			{petsetv1.PetSetKind, naming.ReadReplicas(pg.Name, group.Name), &petsetv1.PetSet{}},
			{"Service", naming.ReadReplicaGroupService(pg.Name, group.Name), &corev1.Service{}},
			{"Service", naming.ReadReplicaService(pg.Name), &corev1.Service{}},
		} {
			err := r.Get(ctx, client.ObjectKey{Namespace: pg.Namespace, Name: needs.name}, needs.into)
			switch {
			case apierrors.IsNotFound(err):
			case err != nil:
				return nil, fmt.Errorf("read %s %s/%s: %w", needs.kind, pg.Namespace, needs.name, err)
			case !s.Owns(needs.into.GetLabels()):
				problems = append(problems, field.Invalid(at, group.Name, fmt.Sprintf(
					"it needs the %s %s, which exists and belongs to %s; choose another name", needs.kind, needs.name, ownerOf(needs.into))))
			}
		}
	}
	return problems, nil
}

// ownerOf says whose an object is, by its labels.
func ownerOf(o client.Object) string {
	if instance := o.GetLabels()[naming.LabelInstance]; instance != "" {
		return fmt.Sprintf("%s %s", o.GetLabels()[naming.LabelName], instance)
	}
	return "somebody else"
}

// readReplicas checks the groups; what the spec alone says is refused by shape.
func (c *checks) readReplicas(ctx context.Context, r database.Reader, s blocks.Subject, pg *kubedbv1.Postgres) {
	if len(readReplicaProblems(pg)) > 0 {
		return
	}
	taken, err := takenNames(ctx, r, s, pg)
	if err != nil {
		c.refuse(field.InternalError(field.NewPath("spec", "readReplicas"), err))
	}
	c.Refuse(taken...)
	for i, group := range pg.Spec.ReadReplicas {
		storageType, storage := storageOf(pg, group)
		if storageType == sharedv1.StorageTypeEphemeral || group.Storage == nil {
			continue
		}
		c.volume(ctx, r, groupPath(i).Child("storage"), storage)
		if ours, theirs := sizeOf(storage), sizeOf(pg.Spec.Storage); ours.Cmp(theirs) < 0 {
			c.warn("%s: the volume of %s is smaller than the database's, of %s: a read replica holds all of the data", groupPath(i).Child("storage"), &ours, &theirs)
		}
	}
}

// immutableGroups checks what must not change of a group that stays.
func (c *checks) immutableGroups(old, now *kubedbv1.Postgres) {
	for i, group := range now.Spec.ReadReplicas {
		for _, former := range old.Spec.ReadReplicas {
			before, _ := storageOf(old, former)
			after, _ := storageOf(now, group)
			if former.Name == group.Name && before != after {
				c.refuse(field.Forbidden(groupPath(i).Child("storageType"), "it can not be changed; add a group with another name and remove this one"))
			}
		}
	}
}
