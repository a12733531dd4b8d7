package petset

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// revisions are the two templates that a set's pods can be of.
type revisions struct {
	current, update Revision
	collisions      int32
}

// revisions makes sure that a ControllerRevision holds the set's template, and returns it with the one that the status says
// the pods are still of.
func (r *Reconciler) revisions(ctx context.Context, f *fence, h history) (revisions, error) {
	set := f.set
	out := revisions{collisions: ptr.Deref(set.Status.CollisionCount, 0)}
	update, newest := h.of(&set.Spec.Template)
	var err error
	switch {
	case update == nil:
		update, err = r.createRevision(ctx, f, h.next(), &out.collisions)
	case !newest:
		update, err = r.renewRevision(ctx, update, h.next()) // the template is back to an earlier one
	}
	if err != nil {
		return out, err
	}
	current := h.named(set.Status.CurrentRevision)
	if current == nil {
		current = update
	}
	out.update = Revision{Name: update.Name, Template: &set.Spec.Template}
	out.current = Revision{Name: current.Name}
	out.current.Template, err = decodeTemplate(current)
	return out, err
}

// createRevision creates the revision of the set's template. A name that other content has taken counts as a collision and
// leads to the next name; the same content under it is what a sync before this one wrote, and is used.
func (r *Reconciler) createRevision(ctx context.Context, f *fence, number int64, collisions *int32) (*appsv1.ControllerRevision, error) {
	set := f.set
	for {
		revision, err := newRevision(set, number, *collisions)
		if err != nil {
			return nil, err
		}
		err = r.Client.Create(ctx, revision)
		if err == nil {
			return revision, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			return nil, fmt.Errorf("create ControllerRevision %s/%s: %w", revision.Namespace, revision.Name, err)
		}
		taken := &appsv1.ControllerRevision{}
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(revision), taken); err != nil {
			return nil, fmt.Errorf("read ControllerRevision %s/%s, which exists already: %w", revision.Namespace, revision.Name, err)
		}
		if holds(taken, &set.Spec.Template) && adoptable(set, taken) {
			return taken, r.takeOver(ctx, f, taken)
		}
		*collisions++
	}
}

// renewRevision makes an existing revision the newest.
func (r *Reconciler) renewRevision(ctx context.Context, revision *appsv1.ControllerRevision, number int64) (*appsv1.ControllerRevision, error) {
	newest := revision.DeepCopy()
	newest.Revision = number
	return newest, r.update(ctx, newest, revision)
}

// truncate deletes revisions beyond the history limit.
func (r *Reconciler) truncate(ctx context.Context, set *api.PetSet, m members, v revisions) error {
	for _, revision := range m.history.expendable(settingsOf(set).historyLimit, v.current.Name, v.update.Name, m.pods) {
		err := r.Client.Delete(ctx, revision, client.Preconditions{UID: &revision.UID, ResourceVersion: &revision.ResourceVersion})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete ControllerRevision %s/%s beyond the history limit: %w", revision.Namespace, revision.Name, err)
		}
	}
	return nil
}
