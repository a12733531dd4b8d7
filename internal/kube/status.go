package kube

import (
	"context"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// statusAttempts bounds how often a status write is repeated over concurrent writers.
const statusAttempts = 5

// PatchStatus changes the status of obj by mutate and writes the difference, if there is one. Since obj may come from a
// cache, and others write too, it is read anew before anything is written (through fresh, which must not be a cache), and
// mutate runs once more on what was read: it must therefore change only what the caller owns. Afterwards obj is what the
// API server holds, if anything was to be written.
//
// It returns whether something was written. An object that is gone is no error.
func PatchStatus(ctx context.Context, c client.Client, fresh client.Reader, obj client.Object, mutate func()) (bool, error) {
	uid := obj.GetUID()
	before := obj.DeepCopyObject()
	if mutate(); equality.Semantic.DeepEqual(before, obj) {
		return false, nil
	}
	for attempt := 1; ; attempt++ {
		if err := reread(ctx, fresh, obj); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		if obj.GetUID() != uid {
			return false, nil // gone, and another one has its name
		}
		before := obj.DeepCopyObject().(client.Object)
		mutate()
		if equality.Semantic.DeepEqual(before, obj) {
			return false, nil
		}
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		err := c.Status().Patch(ctx, obj, patch)
		switch {
		case err == nil:
			return true, nil
		case apierrors.IsNotFound(err):
			return false, nil
		case !apierrors.IsConflict(err) || attempt == statusAttempts:
			return false, fmt.Errorf("write status of %s: %w", client.ObjectKeyFromObject(obj), err)
		}
	}
}

// reread replaces the content of obj by what r holds. It reads into an empty object: reading into a filled one would
// keep fields that are gone.
func reread(ctx context.Context, r client.Reader, obj client.Object) error {
	target := reflect.ValueOf(obj).Elem()
	empty := reflect.New(target.Type())
	if err := r.Get(ctx, client.ObjectKeyFromObject(obj), empty.Interface().(client.Object)); err != nil {
		return err
	}
	target.Set(empty.Elem())
	return nil
}
