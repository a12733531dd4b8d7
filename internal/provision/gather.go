package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// gather lets the kind read what it needs. What is missing becomes a condition; the pass is repeated when it appears.
func (r *Reconciler) gather(ctx context.Context, s *scope) (bool, kube.Outcome) {
	gathered, err := r.kind.Gather(ctx, s.reading, s.work)
	if missing, ok := dependency(err); ok {
		return s.dependencyMissing(missing)
	}
	if wrong, ok := errors.AsType[*database.Unusable](err); ok {
		return s.unusable(wrong)
	}
	if err != nil {
		return false, kube.Failed(fmt.Errorf("gather the input of %s: %w", s.title(), err))
	}
	s.reading.Close()
	s.gathered = gathered
	return true, kube.Done()
}

// build lets the kind decide what shall exist.
func (r *Reconciler) build(_ context.Context, s *scope) (bool, kube.Outcome) {
	desired, err := r.kind.Build(s.gathered)
	lacks := desired.Lacks
	if tls := desired.TLS; tls != nil && tls.Waits != "" {
		lacks = tls.Waits
	}
	if lacks == "" {
		s.remove(sharedv1.ConditionDatabaseDependencyReady)
	} else {
		s.lacks(&database.Waiting{What: lacks})
	}
	if wrong, ok := errors.AsType[*database.Unusable](err); ok {
		return s.unusable(wrong)
	}
	if err != nil {
		return false, kube.Stalled(fmt.Errorf("build the objects of %s: %w", s.title(), err))
	}
	s.desired = &desired
	s.setUsers(desired.LeftOut)
	return true, kube.WaitUntil(desired.Recheck)
}

func dependency(err error) (*database.Waiting, bool) { return errors.AsType[*database.Waiting](err) }

// dependencyMissing ends the changing part of the pass: nothing is changed until the dependency is there.
func (s *scope) dependencyMissing(w *database.Waiting) (bool, kube.Outcome) {
	s.lacks(w)
	return false, kube.WaitUntil(w.Recheck)
}

// lacks notes what is missing.
func (s *scope) lacks(w *database.Waiting) {
	s.set(sharedv1.ConditionDatabaseDependencyReady, false, sharedv1.ReasonFailedToEnsureDependency, w.Error())
}

// unusable ends the changing part of the pass: what runs goes on as it is until the user corrects the mistake.
func (s *scope) unusable(u *database.Unusable) (bool, kube.Outcome) {
	s.set(database.ConditionConfigurationApplied, false, database.ReasonConfigurationUnusable, u.What)
	return false, kube.Done()
}

// ensureFinalizer marks the instance before anything is made that would have to be cleaned up.
func (r *Reconciler) ensureFinalizer(ctx context.Context, s *scope) (bool, kube.Outcome) {
	before := s.in.Object().DeepCopyObject().(client.Object)
	if !controllerutil.AddFinalizer(s.in.Object(), finalizer) {
		return true, kube.Done()
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, s.in.Object(), patch, client.FieldOwner(naming.FieldOwner)); err != nil {
		return false, kube.Failed(fmt.Errorf("add the finalizer to %s: %w", s.title(), err))
	}
	s.refresh(r.kind)
	return true, kube.Done()
}

// markInitialized records that the instance took what spec.init gave it: from then on that section is fixed.
func (r *Reconciler) markInitialized(ctx context.Context, s *scope) (bool, kube.Outcome) {
	if s.paused() || !s.provisioned() || !s.in.Spec().InitPending {
		return true, kube.Done()
	}
	if err := patchSpec(ctx, r.client, s.in.Object(), map[string]any{"init": map[string]any{"initialized": true}}); err != nil {
		return false, kube.Failed(fmt.Errorf("mark %s as initialised: %w", s.title(), err))
	}
	s.refresh(r.kind)
	return true, kube.Done()
}

// patchSpec merges fields into the object's spec, provided that nobody changed the object since it was read.
func patchSpec(ctx context.Context, c client.Client, obj client.Object, fields map[string]any) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": obj.GetResourceVersion()},
		"spec":     fields,
	})
	if err != nil {
		return err
	}
	return c.Patch(ctx, obj, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(naming.FieldOwner))
}
